package types

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
)

// respelled is a value that Go decodes to the same. Nullable says that null is the zero value here, not the absence behind a pointer.
func (m *maker) respelled(t reflect.Type, n *node, nullable bool) *node {
	return m.respelledMarked(t, mark{}, n, nullable)
}

func (m *maker) respelledMarked(t reflect.Type, declared mark, n *node, nullable bool) *node {
	if t.Kind() == reflect.Pointer {
		if n.isNull() {
			return text("null")
		}
		return m.respelledMarked(t.Elem(), declared, n, false)
	}
	if m.isZero(t, n) && m.coin(3) {
		return m.zero(t, nullable)
	}
	if n.isNull() {
		return text("null")
	}
	if word := scalar(t); word != "" {
		return m.respelledScalar(word, n)
	}
	made := &node{kind: n.kind}
	switch t.Kind() {
	case reflect.Slice:
		for _, member := range n.members {
			made.add("", m.respelled(t.Elem(), member, true))
		}
		if declared.set && m.coin(2) {
			m.shuffle(made)
		}
	case reflect.Map:
		for i, member := range n.members {
			made.add(n.names[i], m.respelledMarked(t.Elem(), declared, member, true))
		}
		m.shuffle(made)
	case reflect.Struct:
		all := m.fields(t)
		for _, field := range all {
			at := n.find(field.name)
			switch {
			case at >= 0 && m.isZero(field.t, n.members[at]) && m.coin(2):
			case at >= 0:
				made.add(field.name, m.respelledMarked(field.t, field.mark, n.members[at], true))
			case m.IntN(len(all)+2) < 2:
				made.add(field.name, m.zero(field.t, true))
			}
		}
		if m.coin(2) {
			m.shuffle(made)
		}
	}
	return made
}

func (m *maker) shuffle(n *node) {
	m.Shuffle(len(n.members), func(i, j int) {
		n.members[i], n.members[j] = n.members[j], n.members[i]
		if n.kind == object {
			n.names[i], n.names[j] = n.names[j], n.names[i]
		}
	})
}

var escapeMore = strings.NewReplacer("a", `\u0061`, "ä", `\u00e4`, "日", `\u65E5`, "null", `nul\u006c`)

func (m *maker) respelledScalar(word string, n *node) *node {
	// What is changed later must not be a part of the other value.
	n = text("%s", n.text)
	if !m.coin(2) {
		return n
	}
	unquoted := strings.Trim(n.text, `"`)
	switch word {
	case "quantity":
		return m.quantity(unquoted)
	case "duration":
		value, err := time.ParseDuration(unquoted)
		must(err)
		return m.duration(value)
	case "time":
		value, err := time.Parse(time.RFC3339, unquoted)
		must(err)
		return m.time(value)
	case "float32":
		value, err := strconv.ParseFloat(n.text, 32)
		must(err)
		// The second factor gets lost in 32 bits.
		value *= pick(m, 1, 1+1e-9, 1+1e-3)
		return text("%s", strconv.FormatFloat(value, pick(m, byte('e'), 'f', 'g'), pick(m, -1, 3), 64))
	case "int":
		if n.text == "0" {
			return text("-0")
		}
	case "string":
		return text("%s", escapeMore.Replace(n.text))
	}
	return n
}

// isZero says whether Go decodes a value as it decodes an object without it.
func (m *maker) isZero(t reflect.Type, n *node) bool {
	if n.isNull() {
		return true
	}
	if t.Kind() == reflect.Pointer {
		return false
	}
	if word := scalar(t); word != "" {
		unquoted := strings.Trim(n.text, `"`)
		switch word {
		case "string", "bytes":
			return n.text == `""`
		case "bool":
			return n.text == "false"
		case "int", "intstr":
			return n.text == "0" || n.text == "-0"
		case "float32":
			value, err := strconv.ParseFloat(n.text, 32)
			return err == nil && value == 0
		case "quantity":
			value, err := resource.ParseQuantity(unquoted)
			return err == nil && value.IsZero()
		case "duration":
			value, err := time.ParseDuration(unquoted)
			return err == nil && value == 0
		case "time", "microtime":
			value, err := time.Parse(time.RFC3339, unquoted)
			return err == nil && value.IsZero()
		}
		return false
	}
	if t.Kind() != reflect.Struct {
		return len(n.members) == 0
	}
	for _, field := range m.fields(t) {
		if at := n.find(field.name); at >= 0 && !m.isZero(field.t, n.members[at]) {
			return false
		}
	}
	return true
}

// zero spells the zero value of a type in any way.
func (m *maker) zero(t reflect.Type, nullable bool) *node {
	word := scalar(t)
	if t.Kind() == reflect.Pointer || word == "any" || nullable && word != "duration" && m.coin(3) {
		return text("null")
	}
	switch word {
	case "string", "bytes":
		return text(`""`)
	case "bool":
		return text("false")
	case "int", "intstr":
		return text("0")
	case "float32":
		return text("%s", pick(m, "0", "0.0", "-0"))
	case "quantity":
		return text("%s", pick(m, "0", `"0"`, `"0Gi"`, `"0.0"`, `"0m"`, "0.0", `"-0"`))
	case "duration":
		return m.duration(0)
	case "time":
		return m.time(time.Time{})
	case "microtime":
		return text(`"0001-01-01T00:00:00.000000Z"`)
	}
	switch t.Kind() {
	case reflect.Slice:
		return &node{kind: list}
	case reflect.Map:
		return &node{kind: object}
	}
	made := &node{kind: object}
	for _, field := range m.fields(t) {
		if m.coin(8) {
			made.add(field.name, m.zero(field.t, true))
		}
	}
	return made
}

// change makes one change somewhere in a value.
func (m *maker) change(t reflect.Type, n *node) {
	var places []func()
	m.places(t, mark{}, n, &places)
	if len(places) > 0 {
		pick(m, places...)()
	}
}

// places collects what can be changed.
func (m *maker) places(t reflect.Type, declared mark, n *node, found *[]func()) {
	t = direct(t)
	if n.isNull() {
		return
	}
	if word := scalar(t); word != "" {
		*found = append(*found, func() { *n = *m.scalar(t, word) })
		return
	}
	switch t.Kind() {
	case reflect.Slice:
		*found = append(*found, func() { m.changeList(t, declared, n) })
		for _, member := range n.members {
			m.places(t.Elem(), mark{}, member, found)
		}
	case reflect.Map:
		*found = append(*found, func() { m.changeMap(t, declared, n) })
		for _, member := range n.members {
			m.places(t.Elem(), declared, member, found)
		}
	case reflect.Struct:
		if all := m.fields(t); len(all) > 0 {
			*found = append(*found, func() { m.changeField(pick(m, all...), n) })
		}
		for _, field := range m.fields(t) {
			if at := n.find(field.name); at >= 0 {
				m.places(field.t, field.mark, n.members[at], found)
			}
		}
	}
}

func (m *maker) changeList(t reflect.Type, declared mark, n *node) {
	count := len(n.members)
	switch {
	case count == 0 || m.coin(3):
		added := m.element(t.Elem(), declared, n.members, 4)
		n.members = slices.Insert(n.members, m.IntN(count+1), added)
	case count > 1 && m.coin(2):
		i, j := m.IntN(count), m.IntN(count)
		n.members[i], n.members[j] = n.members[j], n.members[i]
	default:
		n.remove(m.IntN(count))
	}
}

func (m *maker) changeMap(t reflect.Type, declared mark, n *node) {
	name := m.mapKey()
	switch at := n.find(name); {
	case at >= 0 && m.coin(2):
		n.remove(at)
	case at >= 0:
		n.members[at] = m.marked(t.Elem(), declared, 4)
	case len(n.members) > 0 && m.coin(2):
		n.names[m.IntN(len(n.members))] = name
	default:
		n.add(name, m.marked(t.Elem(), declared, 4))
	}
}

func (m *maker) changeField(field field, n *node) {
	var made *node
	if m.coin(2) {
		// Behind a pointer this is a value, elsewhere it is none.
		made = m.zero(direct(field.t), false)
	} else {
		made = m.marked(field.t, field.mark, 4)
	}
	switch at := n.find(field.name); {
	case at >= 0 && m.coin(2):
		n.remove(at)
	case at >= 0:
		n.members[at] = made
	default:
		n.add(field.name, made)
	}
}
