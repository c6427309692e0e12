package types

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	kjson "sigs.k8s.io/json"
)

// printPairs prints pairs of JSON values of each type, one a line, and whether Go's decoded values are equal.
func (m Module) printPairs(folder string, count int, seed uint64) {
	var names []string
	files, err := filepath.Glob(filepath.Join(folder, "*.txt"))
	must(err)
	for _, file := range files {
		names = append(names, filepath.Base(file))
	}
	types := shapes{Module: m, table: readTables(folder, names...), known: map[reflect.Type][]field{}}
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	for i, value := range m.Pairs {
		t := reflect.TypeOf(value)
		maker := maker{shapes: types, Rand: rand.New(rand.NewPCG(seed, uint64(i)))}
		var equal, undecoded, repeated int
		for made := 0; made < count; {
			one := maker.value(t, 0)
			two := maker.respelled(t, one, true)
			if maker.coin(2) {
				for range 1 + maker.IntN(2) {
					maker.change(t, two)
				}
			}
			if maker.coin(2) {
				one, two = two, one
			}
			first, second := one.bytes(), two.bytes()
			same, decoded, unique := types.compare(t, first, second)
			switch {
			case !decoded:
				undecoded++
			case !unique:
				repeated++
			default:
				made++
				if same {
					equal++
				}
				_, err := fmt.Fprintf(out, "{\"type\":%q,\"one\":%s,\"two\":%s,\"equal\":%t}\n", m.name(t), first, second, same)
				must(err)
			}
		}
		fmt.Fprintf(os.Stderr, "%s: %d pairs, %d of them equal; left out: %d that Go does not decode, %d with repeated keys or members\n",
			m.name(t), count, equal, undecoded, repeated)
	}
	must(out.Flush())
}

// shapes has the fields of types, with what the tables say of lists.
type shapes struct {
	Module
	table table
	known map[reflect.Type][]field
}

func (s shapes) fields(t reflect.Type) []field {
	found, known := s.known[t]
	if known {
		return found
	}
	name := s.name(t)
	for _, field := range fields(t) {
		if slices.Contains(s.Removed, name+"."+field.name) {
			continue
		}
		line, listed := s.table[name][field.name]
		if !listed {
			panic("no table has " + name + "." + field.name)
		}
		field.mark = line.mark
		found = append(found, field)
	}
	s.known[t] = found
	return found
}

// compare says whether Go's values are equal, whether both can be decoded, and whether keys and members of sets are unique in both.
func (s shapes) compare(t reflect.Type, one, two []byte) (same, decoded, unique bool) {
	first, second := reflect.New(t), reflect.New(t)
	for value, text := range map[reflect.Value][]byte{first: one, second: two} {
		if kjson.UnmarshalCaseSensitivePreserveInts(text, value.Interface()) != nil {
			return false, false, false
		}
	}
	if !s.sort(first.Elem(), mark{}) || !s.sort(second.Elem(), mark{}) {
		return false, true, false
	}
	return equality.Semantic.DeepEqual(first.Interface(), second.Interface()), true, true
}

// sort orders the members of all sets in a value. It says whether they are unique, and keys too.
func (s shapes) sort(value reflect.Value, m mark) bool {
	if scalar(value.Type()) != "" {
		return true
	}
	switch value.Kind() {
	case reflect.Pointer:
		return value.IsNil() || s.sort(value.Elem(), m)
	case reflect.Map:
		for members := value.MapRange(); members.Next(); {
			// A value in a map cannot be set; what it refers to can.
			if !s.sort(members.Value(), m) {
				return false
			}
		}
	case reflect.Slice:
		seen := map[string]bool{}
		for i := range value.Len() {
			if !s.sort(value.Index(i), mark{}) {
				return false
			}
			id := s.identity(value.Index(i), m)
			if id != "" && seen[id] {
				return false
			}
			seen[id] = true
		}
		if m.set {
			elements := value.Interface()
			swap := reflect.Swapper(elements)
			// Sets are short.
			for i := range value.Len() {
				for j := i; j > 0 && less(value.Index(j), value.Index(j-1)); j-- {
					swap(j, j-1)
				}
			}
		}
	case reflect.Struct:
		for _, field := range s.fields(value.Type()) {
			if !s.sort(value.FieldByIndex(field.index), field.mark) {
				return false
			}
		}
	}
	return true
}

// identity is what an element may share with no other, empty in a list without keys that is no set.
func (s shapes) identity(element reflect.Value, m mark) string {
	if m.set {
		return fmt.Sprintf("%q", fmt.Sprint(element))
	}
	id := ""
	for _, key := range m.keys {
		for element.Kind() == reflect.Pointer {
			if element.IsNil() {
				return ""
			}
			element = element.Elem()
		}
		for _, field := range s.fields(element.Type()) {
			if field.name == key.name {
				value := element.FieldByIndex(field.index)
				if key.absent != "" && value.IsZero() {
					id += fmt.Sprintf("%q,", key.absent)
				} else {
					id += fmt.Sprintf("%q,", fmt.Sprint(reflect.Indirect(value)))
				}
			}
		}
	}
	return id
}

func less(one, two reflect.Value) bool {
	if one.CanInt() {
		return one.Int() < two.Int()
	}
	return one.String() < two.String()
}
