// Package spellings lists how a user may spell a field that a typed Go client writes back differently.
//
// A client that reads an object into a Go type and writes it back drops zero values (`omitempty`), adds fields that are always encoded, and respells
// durations, quantities and timestamps. Each of these is one Spelling. The package walks a type by reflection, so a new field is listed by itself.
package spellings

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
)

// Spelling is an object as a user may spell it, and as a typed client writes it back. The objects differ at the field alone.
type Spelling struct {
	// Field is the path of the field as a rule writes it.
	Field string `json:"field"`
	// Spelled is the object as the user spells it.
	Spelled any `json:"spelled"`
	// Written is the object as the client writes it back.
	Written any `json:"written"`
}

// Print prints the spellings of these kinds as JSON, one spelling a line, and exits if a type cannot be walked. Paths at or below the skipped ones are
// left out.
func Print(kinds map[string]any, skipped ...string) {
	names := make([]string, 0, len(kinds))
	for name := range kinds {
		names = append(names, name)
	}
	slices.Sort(names)
	fmt.Println("{")
	for i, name := range names {
		found, err := Of(reflect.TypeOf(kinds[name]), skipped...)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
			os.Exit(1)
		}
		fmt.Printf("%q: [\n", name)
		for j, spelling := range found {
			line, err := json.Marshal(spelling)
			if err != nil {
				fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
				os.Exit(1)
			}
			fmt.Printf("%s%s\n", line, comma(j, len(found)))
		}
		fmt.Printf("]%s\n", comma(i, len(names)))
	}
	fmt.Println("}")
}

func comma(index, count int) string {
	if index+1 < count {
		return ","
	}
	return ""
}

// Of lists the spellings of the fields below `spec` of a kind.
func Of(kind reflect.Type, skipped ...string) ([]Spelling, error) {
	walk := walk{kind: kind, skipped: skipped}
	spec, ok := kind.FieldByName("Spec")
	if !ok {
		return nil, fmt.Errorf("%s has no spec", kind)
	}
	err := walk.structure(spec.Type, []string{"spec"}, nil)
	return walk.found, err
}

const (
	element = "[*]"
	value   = "*"
)

type walk struct {
	kind    reflect.Type
	skipped []string
	found   []Spelling
}

// structure visits the fields of a struct that stands at this path.
func (w *walk) structure(structure reflect.Type, path []string, above []reflect.Type) error {
	if slices.Contains(above, structure) {
		return nil
	}
	above = append(slices.Clone(above), structure)
	for i := range structure.NumField() {
		field := structure.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		var err error
		switch {
		case name == "-" || !field.IsExported():
		case name == "" && (field.Anonymous || strings.Contains(options, "inline")):
			err = w.structure(field.Type, path, above[:len(above)-1])
		default:
			err = w.field(field.Type, append(slices.Clone(path), name), above)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) field(of reflect.Type, path []string, above []reflect.Type) error {
	if slices.Contains(w.skipped, Path(path)) {
		return nil
	}
	for _, spelled := range spelled(of) {
		if err := w.try(path, spelled); err != nil {
			return err
		}
	}
	if err := w.try(path, leftOut{}); err != nil {
		return err
	}
	return w.below(of, path, above)
}

// below visits what a field holds.
func (w *walk) below(of reflect.Type, path []string, above []reflect.Type) error {
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	switch {
	case encodesItself(of):
		for _, spelled := range respelled(of) {
			if err := w.try(path, spelled); err != nil {
				return err
			}
		}
		return nil
	case of.Kind() == reflect.Slice:
		return w.below(of.Elem(), append(slices.Clone(path), element), above)
	case of.Kind() == reflect.Map:
		return w.below(of.Elem(), append(slices.Clone(path), value), above)
	case of.Kind() == reflect.Struct:
		return w.structure(of, path, above)
	}
	return nil
}

// leftOut stands for a field that the user does not write.
type leftOut struct{}

// spelled lists the values that a client may drop.
func spelled(of reflect.Type) []any {
	switch of.Kind() {
	case reflect.String:
		return []any{""}
	case reflect.Bool:
		return []any{false}
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Float64:
		return []any{0}
	case reflect.Slice:
		return []any{[]any{}}
	case reflect.Map:
		return []any{map[string]any{}}
	}
	return nil
}

// respelled lists the values that a type writes in its own words.
func respelled(of reflect.Type) []any {
	switch of.Name() {
	case "Duration":
		return []any{"60s"}
	case "Quantity":
		return []any{"1024Mi", 2}
	}
	return nil
}

func encodesItself(of reflect.Type) bool {
	return reflect.PointerTo(of).Implements(reflect.TypeFor[json.Unmarshaler]())
}

// try records the spelling of a field if a client writes it differently.
func (w *walk) try(path []string, spelled any) error {
	around := w.around(path)
	if around == nil {
		return nil
	}
	object, err := w.written(around)
	if err != nil {
		return err
	}
	if !set(object, path, spelled) {
		return nil
	}
	written, err := w.written(object)
	if err != nil {
		// The type cannot hold the value, so the user cannot store it.
		return nil
	}
	if !reflect.DeepEqual(object, written) {
		w.found = append(w.found, Spelling{Field: Path(path), Spelled: object, Written: written})
	}
	return nil
}

// around is the smallest object in which the parent of the field exists.
func (w *walk) around(path []string) any {
	var object any = map[string]any{}
	for i := len(path) - 2; i >= 0; i-- {
		switch path[i] {
		case element:
			object = []any{object}
		case value:
			object = map[string]any{"a": object}
		default:
			object = map[string]any{path[i]: object}
		}
	}
	return object
}

// written is what a typed client makes of an object.
func (w *walk) written(object any) (any, error) {
	text, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	typed := reflect.New(w.kind)
	if err := json.Unmarshal(text, typed.Interface()); err != nil {
		return nil, err
	}
	text, err = json.Marshal(typed.Interface())
	if err != nil {
		return nil, err
	}
	var written any
	err = json.Unmarshal(text, &written)
	return written, err
}

// set sets the field in an object that has its parent; whether it changes anything.
func set(object any, path []string, to any) bool {
	for _, step := range path[:len(path)-1] {
		switch container := object.(type) {
		case []any:
			if len(container) == 0 {
				return false
			}
			object = container[0]
		case map[string]any:
			if step == value {
				step = "a"
			}
			object = container[step]
		default:
			return false
		}
	}
	last := path[len(path)-1]
	if last == value {
		last = "a"
	}
	if list, ok := object.([]any); ok && last == element && len(list) == 1 {
		list[0] = to
		return true
	}
	container, ok := object.(map[string]any)
	if !ok {
		return false
	}
	if _, ok := to.(leftOut); ok {
		_, present := container[last]
		delete(container, last)
		return present
	}
	if number, ok := to.(int); ok {
		to = float64(number)
	}
	container[last] = to
	return true
}

// Path writes a path as a rule does.
func Path(steps []string) string {
	var text strings.Builder
	for _, step := range steps {
		if step != element && text.Len() > 0 {
			text.WriteByte('.')
		}
		text.WriteString(step)
	}
	return text.String()
}
