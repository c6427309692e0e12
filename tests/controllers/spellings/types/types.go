// Package types lists what Go declares of the types that an object consists of, and makes values of them.
//
// A table has the fields of each struct type and how Go reads them; the engine compares values by it. The keys of lists are no part of Go's types:
// they come from OpenAPI. Pairs of values show whether the engine compares as Go does.
package types

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Module says which types of a Go module a table has.
type Module struct {
	// Paths are the Go modules that the types come from.
	Paths []string
	// Groups has the group and version of each package. Those of Kubernetes are known.
	Groups map[string]string
	// Removed lists fields of Kubernetes' own types that the module's version still has and kubernetes.txt lacks. The engine compares
	// them exactly.
	Removed []string
	// Roots are objects of the kinds whose metadata and spec have the types. Schemas of other kinds than Kubernetes' come in this order.
	Roots []any
	// Whole are objects that other kinds embed whole.
	Whole []any
	// Pairs are values of the types that pairs are made of.
	Pairs []any
}

// Run does what the arguments say.
func Run(module Module) {
	switch arguments := os.Args[1:]; {
	case len(arguments) >= 3 && arguments[0] == "table":
		module.printTable(arguments[1], arguments[2:])
	case len(arguments) == 4 && arguments[0] == "pairs":
		count, err := strconv.Atoi(arguments[2])
		must(err)
		seed, err := strconv.ParseUint(arguments[3], 10, 64)
		must(err)
		module.printPairs(arguments[1], count, seed)
	default:
		fmt.Fprintln(os.Stderr, "usage: types table TABLES SCHEMA…\n       types pairs TABLES COUNT SEED")
		os.Exit(2)
	}
}

// kubernetes has the packages that kubernetes.txt lists, with group and version. The types of the first two have short names.
var kubernetes = map[string]string{
	"k8s.io/api/core/v1":                   "",
	"k8s.io/apimachinery/pkg/apis/meta/v1": "",
	"k8s.io/api/apps/v1":                   "apps/v1",
	"k8s.io/api/autoscaling/v2":            "autoscaling/v2",
	"k8s.io/api/batch/v1":                  "batch/v1",
	"k8s.io/api/networking/v1":             "networking.k8s.io/v1",
	"k8s.io/api/policy/v1":                 "policy/v1",
	// JobSpec has types of it.
	"k8s.io/api/scheduling/v1alpha3": "scheduling.k8s.io/v1alpha3",
}

// name is how tables and rules call a struct type.
func (m Module) name(t reflect.Type) string {
	group, known := kubernetes[t.PkgPath()]
	if !known {
		group, known = m.Groups[t.PkgPath()]
	}
	switch {
	case !known:
		panic("no group is known for " + t.PkgPath() + "." + t.Name())
	case group == "":
		return t.Name()
	default:
		return group + "." + t.Name()
	}
}

// version is the one that a Go module of this program has.
func version(path string) string {
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if module.Path == path {
			if module.Replace != nil {
				return module.Replace.Version
			}
			return module.Version
		}
	}
	panic(path + " is no part of this program")
}

var (
	scalars = map[reflect.Type]string{
		reflect.TypeFor[resource.Quantity]():  "quantity",
		reflect.TypeFor[metav1.Duration]():    "duration",
		reflect.TypeFor[metav1.Time]():        "time",
		reflect.TypeFor[metav1.MicroTime]():   "microtime",
		reflect.TypeFor[intstr.IntOrString](): "intstr",
		reflect.TypeFor[[]byte]():             "bytes",
	}
	custom = reflect.TypeFor[json.Unmarshaler]()
)

// scalar is the word for a type without fields and elements of its own, or empty.
func scalar(t reflect.Type) string {
	if word, known := scalars[t]; known {
		return word
	}
	if reflect.PointerTo(t).Implements(custom) && t.Kind() != reflect.Pointer {
		return "any"
	}
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "bool"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "int"
	case reflect.Float32:
		return "float32"
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Struct:
		return ""
	}
	panic("JSON has no values of " + t.String())
}

// field is a member of a JSON object, as Go's struct type has it.
type field struct {
	name string
	t    reflect.Type
	// index is where the field is, embedded structs included.
	index []int
	// mark is what OpenAPI says of a list.
	mark mark
}

// fields are those that encoding/json reads, embedded structs flattened.
func fields(t reflect.Type) []field {
	var found []field
	for i := range t.NumField() {
		member := t.Field(i)
		tag := member.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		switch {
		case tag == "-" || !member.IsExported() && !member.Anonymous:
		case strings.Contains(options, "string"):
			panic(t.String() + "." + member.Name + " is a number in a string")
		case member.Anonymous && name == "" && member.Type.Kind() == reflect.Struct:
			for _, inner := range fields(member.Type) {
				inner.index = append([]int{i}, inner.index...)
				found = append(found, inner)
			}
		case member.Anonymous && name == "":
			panic(t.String() + " embeds " + member.Type.String())
		default:
			if name == "" {
				name = member.Name
			}
			found = append(found, field{name: name, t: member.Type, index: []int{i}})
		}
	}
	seen := map[string]bool{}
	for _, field := range found {
		if seen[field.name] {
			panic(t.String() + " has two fields " + field.name)
		}
		seen[field.name] = true
	}
	return found
}

// mark is what OpenAPI says of a list: its keys or that it is a set.
type mark struct {
	set  bool
	keys []key
}

type key struct{ name, absent string }

func (m mark) String() string {
	if m.set {
		return " set"
	}
	var keys []string
	for _, key := range m.keys {
		if key.absent == "" {
			keys = append(keys, key.name)
		} else {
			keys = append(keys, key.name+":"+key.absent)
		}
	}
	if len(keys) == 0 {
		return ""
	}
	return " key=" + strings.Join(keys, ",")
}

// line is what a table says of a field.
type line struct {
	t    string
	mark mark
}

// table has the fields of each type.
type table map[string]map[string]line

// readTables reads these files of a folder.
func readTables(folder string, names ...string) table {
	read := table{}
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(folder, name))
		must(err)
		var current map[string]line
		for _, text := range strings.Split(strings.TrimSpace(string(text)), "\n") {
			words := strings.Fields(text)
			switch {
			case words[0] == "#":
			case len(words) == 1:
				current = map[string]line{}
				read[words[0]] = current
			default:
				current[words[0]] = line{words[1], readMark(words[2:])}
			}
		}
	}
	return read
}

func readMark(words []string) mark {
	if len(words) == 0 {
		return mark{}
	}
	names, keyed := strings.CutPrefix(words[0], "key=")
	if !keyed {
		return mark{set: words[0] == "set"}
	}
	var read mark
	for _, text := range strings.Split(names, ",") {
		name, absent, _ := strings.Cut(text, ":")
		read.keys = append(read.keys, key{name, absent})
	}
	return read
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
