package types

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
)

// node is a JSON value. The members of objects have an order.
type node struct {
	kind    kind
	text    string
	names   []string
	members []*node
}

type kind byte

const (
	plain kind = iota
	object
	list
)

func (n *node) bytes() []byte { return n.append(nil) }

func (n *node) append(out []byte) []byte {
	if n.kind == plain {
		return append(out, n.text...)
	}
	brackets := "[]"
	if n.kind == object {
		brackets = "{}"
	}
	out = append(out, brackets[0])
	for i, member := range n.members {
		if i > 0 {
			out = append(out, ',')
		}
		if n.kind == object {
			out = append(append(out, quoted(n.names[i])...), ':')
		}
		out = member.append(out)
	}
	return append(out, brackets[1])
}

func (n *node) find(name string) int { return slices.Index(n.names, name) }

func (n *node) add(name string, member *node) {
	if n.kind == object {
		n.names = append(n.names, name)
	}
	n.members = append(n.members, member)
}

func (n *node) remove(i int) {
	if n.kind == object {
		n.names = slices.Delete(n.names, i, i+1)
	}
	n.members = slices.Delete(n.members, i, i+1)
}

func (n *node) isNull() bool { return n.kind == plain && n.text == "null" }

func text(format string, arguments ...any) *node {
	return &node{text: fmt.Sprintf(format, arguments...)}
}

var escape = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// quoted is the JSON text of a string without other control characters than line feeds.
func quoted(value string) string { return `"` + escape.Replace(value) + `"` }

// maker makes random values of types.
type maker struct {
	shapes
	*rand.Rand
	// fresh numbers the keys that had to be unlike others.
	fresh int
}

// coin is true once in so many times.
func (m *maker) coin(times int) bool { return m.IntN(times) == 0 }

func pick[T any](m *maker, from ...T) T { return from[m.IntN(len(from))] }

// value is any value of a type but null.
func (m *maker) value(t reflect.Type, depth int) *node { return m.marked(t, mark{}, depth) }

func (m *maker) marked(t reflect.Type, declared mark, depth int) *node {
	if word := scalar(t); word != "" {
		return m.scalar(t, word)
	}
	switch t.Kind() {
	case reflect.Pointer:
		return m.marked(t.Elem(), declared, depth)
	case reflect.Slice:
		made := &node{kind: list}
		for range m.IntN(4) {
			made.add("", m.element(t.Elem(), declared, made.members, depth))
		}
		return made
	case reflect.Map:
		made := &node{kind: object}
		for range m.IntN(4) {
			if name := m.mapKey(); made.find(name) < 0 {
				made.add(name, m.marked(t.Elem(), declared, depth))
			}
		}
		return made
	}
	made := &node{kind: object}
	all := m.fields(t)
	// Deeper down there are fewer fields, so that values stay small.
	wanted := max(5-depth/2, 2)
	for _, field := range all {
		if m.IntN(max(len(all), wanted+1)) < wanted {
			made.add(field.name, m.marked(field.t, field.mark, depth+1))
		}
	}
	return made
}

// element is one for a list with these elements.
func (m *maker) element(t reflect.Type, declared mark, others []*node, depth int) *node {
	made := m.value(t, depth)
	for m.isThere(t, declared, made, others) {
		m.fresh++
		if declared.set {
			made = m.numbered(t)
			continue
		}
		for _, field := range m.fields(direct(t)) {
			if field.name == declared.keys[0].name {
				if at := made.find(field.name); at >= 0 {
					made.remove(at)
				}
				made.add(field.name, m.numbered(field.t))
			}
		}
	}
	return made
}

func (m *maker) isThere(t reflect.Type, declared mark, made *node, others []*node) bool {
	if !declared.set && declared.keys == nil {
		return false
	}
	id := func(n *node) string {
		if declared.set {
			return n.text
		}
		id := ""
		for _, key := range declared.keys {
			value := key.absent
			if at := n.find(key.name); at >= 0 && !slices.Contains([]string{`""`, "0", "null"}, n.members[at].text) {
				value = strings.Trim(n.members[at].text, `"`)
			}
			id += value + "\x00"
		}
		return id
	}
	return slices.ContainsFunc(others, func(other *node) bool { return id(other) == id(made) })
}

func (m *maker) numbered(t reflect.Type) *node {
	if scalar(direct(t)) == "int" {
		return text("%d", 100+m.fresh%20)
	}
	return text(`"k%d"`, m.fresh)
}

// direct is the type that a pointer points to, or the type itself.
func direct(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

func (m *maker) mapKey() string {
	return pick(m, "a", "b", "c", "cpu", "memory", "example.com/a", "", "ä", `"`, "nvidia.com/gpu")
}

func (m *maker) scalar(t reflect.Type, word string) *node {
	switch word {
	case "string":
		return text("%s", quoted(pick(m, "", "a", "b", "c", "1", "true", "null", "TCP", "UDP", "a b", "ä", "日本", `\`, "line\nline", "1Gi", "60s")))
	case "bool":
		return text("%t", m.coin(2))
	case "int":
		choices := []string{"0", "1", "2", "3", "80", "127"}
		if t.Kind() < reflect.Uint {
			choices = append(choices, "-1")
		}
		if t.Bits() >= 32 {
			choices = append(choices, "443", "2147483647")
		}
		if t.Bits() == 64 {
			choices = append(choices, "9007199254740992", "9007199254740993", "9223372036854775807")
		}
		return text("%s", pick(m, choices...))
	case "float32":
		return text("%s", pick(m, "0", "1", "0.5", "1.5", "-2", "1e3", "0.1", "0.123456789", "1e-50"))
	case "quantity":
		return m.quantity(pick(m, "0", "1", "2", "0.5", "100m", "1500m", "1k", "1Ki", "1Mi", "64Mi", "1Gi", "1.5Gi", "10Gi", "1G", "1n", "1u",
			"1e3", "-1", "1Ei", "9223372036854775807", "12345678901234567890"))
	case "duration":
		return m.duration(pick(m, 0, 1, time.Microsecond, time.Millisecond, 1500*time.Millisecond, time.Second, time.Minute, 90*time.Second,
			time.Hour, 36*time.Hour, -time.Minute))
	case "time":
		return m.time(pick(m, time.Time{}, time.Unix(0, 0), time.Unix(1700000000, 0), time.Unix(1700000001, 0), time.Unix(1700000000, 500_000_000)))
	case "microtime":
		return text("%q", time.Unix(1700000000, m.Int64N(3)*1000).UTC().Format("2006-01-02T15:04:05.000000Z07:00"))
	case "intstr":
		return text("%s", pick(m, "0", "1", "80", `""`, `"0"`, `"80"`, `"50%"`, `"http"`))
	case "bytes":
		return text("%s", pick(m, `""`, `"YQ=="`, `"YWI="`))
	}
	return text("%s", pick(m, `{}`, `{"f:metadata":{}}`, `{"f:spec":{"f:replicas":{}}}`))
}

// quantity spells one in any way.
func (m *maker) quantity(value string) *node {
	parsed := resource.MustParse(value)
	decimal := parsed.AsDec().String()
	plain := fmt.Sprintf("%d", parsed.Value())
	return text("%s", pick(m,
		quoted(value),
		quoted(parsed.String()),
		quoted(decimal),
		decimal,
		quoted("+"+strings.TrimPrefix(decimal, "-")),
		quoted(decimal+"e0"),
		quoted(decimal+"000m"),
		quoted(scaled(parsed, 1000)+"m"),
		quoted(scaled(parsed, 1000_000)+"u"),
		quoted(plain+"000E-3"),
		quoted(fmt.Sprintf("%sKi", strconv.FormatFloat(parsed.AsApproximateFloat64()/1024, 'f', -1, 64))),
		quoted(fmt.Sprintf("%sM", strconv.FormatFloat(parsed.AsApproximateFloat64()/1e6, 'f', -1, 64)))))
}

func scaled(value resource.Quantity, by int64) string {
	value = value.DeepCopy()
	value.Mul(by)
	return value.AsDec().String()
}

// duration spells one in any way.
func (m *maker) duration(value time.Duration) *node {
	per := func(unit time.Duration, name string) string {
		return quoted(strconv.FormatFloat(float64(value)/float64(unit), 'f', -1, 64) + name)
	}
	spelled := []string{quoted(value.String()), per(time.Second, "s"), per(time.Minute, "m"), per(time.Hour, "h"), per(time.Millisecond, "ms"),
		per(time.Microsecond, "us"), per(time.Microsecond, "µs"), per(time.Nanosecond, "ns")}
	if value >= 0 {
		spelled = append(spelled, quoted("+"+value.String()), quoted("0h"+value.String()))
	}
	if value == 0 {
		spelled = append(spelled, `"0"`, `"-0s"`)
	}
	return text("%s", pick(m, spelled...))
}

// time spells one in any way.
func (m *maker) time(value time.Time) *node {
	zone := pick(m, time.UTC, time.UTC, time.FixedZone("", 3600), time.FixedZone("", -19800))
	if value.IsZero() {
		zone = time.UTC
	}
	layout := pick(m, time.RFC3339Nano, "2006-01-02T15:04:05.000Z07:00", "2006-01-02T15:04:05.999999-07:00", "2006-01-02T15:04:05.000000000Z07:00")
	return text("%q", value.In(zone).Format(layout))
}
