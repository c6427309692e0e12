// Package spellings finds out what a controller that reads and writes objects through Go types makes of fields that it does not touch.
//
// A typed client decodes an object and encodes it again. A field that is marked omitempty disappears if it is zero, a struct appears that
// was left out, a duration or a quantity is spelled in another way. Every such difference looks like a change by the controller.
package spellings

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"sort"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// Spelling is a value of one field, as a user may send it, that a typed client writes differently.
type Spelling struct {
	// At is the JSON pointer of the field in the base object.
	At string `json:"at"`
	// Sent is left out if the user leaves the field out.
	Sent *any `json:"sent,omitempty"`
	// Written is left out if the field is not there when the API server has stored what the client wrote, defaults included.
	Written *any `json:"written,omitempty"`
	// Refused says what in the served schema does not accept the sent value. Schemas of other versions may accept it.
	Refused string `json:"refused,omitempty"`
}

// Kind describes what to look at.
type Kind struct {
	// Type is a pointer to an empty object.
	Type any
	// Base is an object with a value in each list and map and below each pointer; a typed client writes it as it is.
	Base []byte
	// Definition is the file of the CustomResourceDefinition, and Version the version in it.
	Definition, Version string
	// Skip lists the JSON pointers of what is left out, with everything below.
	Skip []string
}

type walker struct {
	Kind
	base   any
	schema map[string]any
	found  []Spelling
}

// Print writes the spellings below /spec to standard output, as JSON.
func Print(kind Kind) {
	w := walker{Kind: kind}
	must(json.Unmarshal(kind.Base, &w.base))
	w.schema = SchemaOf(kind.Definition, kind.Version)
	if written := w.write(w.base); !reflect.DeepEqual(written, w.base) {
		panic(fmt.Sprintf("a typed client does not write the base as it is:\n%s\n%s", encode(w.base), encode(written)))
	}
	spec, _ := reflect.TypeOf(kind.Type).Elem().FieldByName("Spec")
	w.fields(spec.Type, "/spec")
	sort.SliceStable(w.found, func(i, j int) bool { return w.found[i].At < w.found[j].At })
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	must(out.Encode(map[string]any{"base": w.base, "spellings": w.found}))
}

var (
	quantity = reflect.TypeOf(resource.Quantity{})
	duration = reflect.TypeOf(metav1.Duration{})
	custom   = reflect.TypeOf((*json.Unmarshaler)(nil)).Elem()
)

// walk tries the spellings of the value at a pointer, and of what is below it. Optional says whether it may be left out.
func (w *walker) walk(t reflect.Type, at string, optional bool) {
	for _, skipped := range w.Skip {
		if at == skipped {
			return
		}
	}
	pointer := t.Kind() == reflect.Pointer
	if pointer {
		t = t.Elem()
	}
	value, there := lookup(w.base, at)
	if optional {
		w.try(at, nil)
	}
	switch {
	case t == quantity:
		parsed := resource.MustParse(value.(string))
		w.try(at, spelled(float64(parsed.Value())))
		w.try(at, spelled(fmt.Sprintf("%dm", parsed.MilliValue())))
		w.try(at, spelled(fmt.Sprintf("%dKi", parsed.Value()/1024)))
		return
	case t == duration:
		var parsed metav1.Duration
		must(json.Unmarshal([]byte(encode(value)), &parsed))
		for _, text := range []string{"%.0fs", "%gm", "%gh"} {
			per := map[string]float64{"%.0fs": 1, "%gm": 60, "%gh": 3600}[text]
			w.try(at, spelled(fmt.Sprintf(text, parsed.Seconds()/per)))
		}
		w.try(at, spelled("0"))
		return
	case reflect.PointerTo(t).Implements(custom):
		return
	}
	switch t.Kind() {
	case reflect.String:
		w.try(at, spelled(""))
	case reflect.Bool:
		w.try(at, spelled(false))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64,
		reflect.Float32, reflect.Float64:
		w.try(at, spelled(0.0))
	case reflect.Slice:
		w.try(at, spelled([]any{}))
		if list, _ := value.([]any); len(list) > 0 {
			w.walk(t.Elem(), at+"/0", false)
		} else if holdsFields(t.Elem()) {
			panic("the base has no element at " + at)
		}
	case reflect.Map:
		w.try(at, spelled(map[string]any{}))
		for key := range value.(map[string]any) {
			w.walk(t.Elem(), at+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(key), false)
			break
		}
	case reflect.Struct:
		if !there {
			panic("the base has nothing at " + at)
		}
		w.try(at, spelled(map[string]any{}))
		w.fields(t, at)
	}
}

func (w *walker) fields(t reflect.Type, at string) {
	for i := range t.NumField() {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous && name == "":
			w.fields(field.Type, at)
		case name != "" && name != "-":
			// Without omitempty a pointer may be left out all the same; anything else is required.
			optional := strings.Contains(options, "omit") || field.Type.Kind() == reflect.Pointer
			w.walk(field.Type, at+"/"+name, optional)
		}
	}
}

// try records a spelling that a typed client changes. It must change nothing else.
func (w *walker) try(at string, sent *any) {
	object := with(w.base, at, sent)
	written := w.write(object)
	schema := schemaAt(w.schema, at)
	refused := ""
	if sent != nil {
		refused = refusedBy(schema, *sent)
	}
	// No schema ever accepted these, or the API server fills in the default before it stores what the user sent.
	if refused == "required" || sent == nil && schema["default"] != nil {
		return
	}
	var stored *any
	if value, there := lookup(written, at); there {
		stored = &value
	} else if value, defaulted := schema["default"]; defaulted && refused == "" {
		stored = &value
	}
	if same := spelled("the same"); !reflect.DeepEqual(with(w.base, at, same), with(written, at, same)) {
		panic(fmt.Sprintf("%s as %s changes more than that: %s", at, encode(sent), encode(written)))
	}
	if !reflect.DeepEqual(sent, stored) {
		w.found = append(w.found, Spelling{At: at, Sent: sent, Written: stored, Refused: refused})
	}
}

// write returns what a typed client writes after it has read this.
func (w *walker) write(object any) any {
	typed := reflect.New(reflect.TypeOf(w.Type).Elem()).Interface()
	must(kjson.UnmarshalCaseSensitivePreserveInts([]byte(encode(object)), typed))
	var written map[string]any
	must(json.Unmarshal([]byte(encode(typed)), &written))
	read := object.(map[string]any)
	// These belong to the API server.
	written["metadata"] = read["metadata"]
	delete(written, "status")
	return written
}

func holdsFields(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct && !reflect.PointerTo(t).Implements(custom)
}

func spelled(value any) *any { return &value }

func encode(value any) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	must(encoder.Encode(value))
	return out.String()
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

var unescape = strings.NewReplacer("~1", "/", "~0", "~")

func steps(at string) []string { return strings.Split(at, "/")[1:] }

func lookup(value any, at string) (any, bool) {
	for _, step := range steps(at) {
		there := false
		switch container := value.(type) {
		case map[string]any:
			value, there = container[unescape.Replace(step)]
		case []any:
			if there = len(container) > 0; there {
				value = container[0]
			}
		}
		if !there {
			return nil, false
		}
	}
	return value, true
}

// with returns a copy in which the value at a pointer is another one, or is left out.
func with(object any, at string, value *any) any {
	var copied any
	must(json.Unmarshal([]byte(encode(object)), &copied))
	path := steps(at)
	parent, _ := lookup(copied, "/"+strings.Join(path[:len(path)-1], "/"))
	last := path[len(path)-1]
	switch container := parent.(type) {
	case map[string]any:
		if value == nil {
			delete(container, unescape.Replace(last))
		} else {
			container[unescape.Replace(last)] = *value
		}
	case []any:
		if value != nil {
			container[0] = *value
		}
	}
	return copied
}

// SchemaOf reads the schema of a version from the file of a CustomResourceDefinition.
func SchemaOf(file, version string) map[string]any {
	text, err := os.ReadFile(file)
	must(err)
	var definition struct {
		Spec struct {
			Versions []struct {
				Name   string
				Schema struct {
					OpenAPIV3Schema map[string]any `json:"openAPIV3Schema"`
				}
			}
		}
	}
	must(yaml.Unmarshal(text, &definition))
	for _, served := range definition.Spec.Versions {
		if served.Name == version {
			return served.Schema.OpenAPIV3Schema
		}
	}
	panic(file + " has no version " + version)
}

func schemaAt(schema map[string]any, at string) map[string]any {
	for _, step := range steps(at) {
		next, _ := schema["items"].(map[string]any)
		if properties, ok := schema["properties"].(map[string]any); ok {
			next, _ = properties[unescape.Replace(step)].(map[string]any)
		} else if values, ok := schema["additionalProperties"].(map[string]any); ok {
			next = values
		}
		schema = next
	}
	return schema
}

// refusedBy names the keyword of the schema that does not accept a zero value.
func refusedBy(schema map[string]any, value any) string {
	if options, ok := schema["enum"].([]any); ok {
		for _, option := range options {
			if reflect.DeepEqual(option, value) {
				return ""
			}
		}
		return "enum"
	}
	switch value := value.(type) {
	case string:
		if pattern, ok := schema["pattern"].(string); ok && !regexp.MustCompile(pattern).MatchString(value) {
			return "pattern"
		}
		if least, ok := schema["minLength"].(float64); ok && float64(len(value)) < least {
			return "minLength"
		}
	case float64:
		if least, ok := schema["minimum"].(float64); ok && value < least {
			return "minimum"
		}
	case []any:
		if least, ok := schema["minItems"].(float64); ok && float64(len(value)) < least {
			return "minItems"
		}
	case map[string]any:
		if required, ok := schema["required"].([]any); ok && len(required) > 0 && len(value) == 0 {
			return "required"
		}
	}
	return ""
}
