package types

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"fieldward.io/tests/controllers/spellings"
)

// printTable prints the types of the module. The schemas are Kubernetes' own, in a folder, or a CustomResourceDefinition for each root.
func (m Module) printTable(folder string, schemas []string) {
	l := lister{Module: m, found: map[string]map[string]line{}}
	if m.Groups == nil {
		l.definitions = definitionsIn(schemas[0])
	} else {
		l.known = readTables(folder, "kubernetes.txt")
	}
	for i, root := range m.Roots {
		t := reflect.TypeOf(root)
		var schema map[string]any
		if m.Groups != nil {
			_, version, _ := strings.Cut(m.Groups[t.PkgPath()], "/")
			schema = spellings.SchemaOf(schemas[i], version)
		}
		for _, field := range fields(t) {
			// Other kinds have the metadata of Kubernetes' own.
			if field.name == "spec" || field.name == "metadata" && l.definitions != nil {
				l.visit(field.t, property(schema, field.name))
			}
		}
	}
	for _, object := range m.Whole {
		l.visit(reflect.TypeOf(object), nil)
	}
	if len(l.lacking) > 0 {
		fmt.Fprintln(os.Stderr, strings.Join(l.lacking, "\n"))
		os.Exit(1)
	}
	for _, path := range m.Paths {
		fmt.Printf("# %s %s\n", path, version(path))
	}
	for _, name := range sorted(l.found) {
		fmt.Println(name)
		for _, field := range sorted(l.found[name]) {
			line := l.found[name][field]
			fmt.Printf("  %s %s%s\n", field, line.t, line.mark)
		}
	}
}

type lister struct {
	Module
	// definitions are those of Kubernetes, by the names that OpenAPI has for the types.
	definitions map[string]map[string]any
	// known is what kubernetes.txt has, for modules that use its types.
	known table
	found map[string]map[string]line
	// lacking is what kubernetes.txt lacks or has otherwise.
	lacking []string
	seen    map[reflect.Type]bool
}

// visit lists the struct types in a type, and returns how tables write that type.
func (l *lister) visit(t reflect.Type, schema map[string]any) string {
	if word := scalar(t); word != "" {
		return word
	}
	switch t.Kind() {
	case reflect.Pointer:
		return "*" + l.visit(t.Elem(), schema)
	case reflect.Slice:
		return "[]" + l.visit(t.Elem(), child(schema, "items"))
	case reflect.Map:
		if scalar(t.Key()) != "string" {
			panic("keys of " + t.String())
		}
		return "{}" + l.visit(t.Elem(), child(schema, "additionalProperties"))
	}
	name := l.name(t)
	if _, core := kubernetes[t.PkgPath()]; core && l.known != nil {
		l.compare(t, name)
		return name
	}
	schema = l.schema(t, schema)
	lines, again := l.found[name]
	// Without a schema a second visit finds nothing new.
	if again && (l.definitions != nil || schema == nil) {
		return name
	}
	if !again {
		lines = map[string]line{}
		l.found[name] = lines
	}
	for _, field := range fields(t) {
		below := property(schema, field.name)
		found := line{l.visit(field.t, below), l.mark(field.t, below)}
		if before, again := lines[field.name]; again && !reflect.DeepEqual(before, found) && schema != nil {
			panic(fmt.Sprintf("%s.%s is%s and%s", name, field.name, before.mark, found.mark))
		}
		lines[field.name] = found
	}
	return name
}

// compare notes what the pinned Kubernetes has otherwise than the older one of the module.
func (l *lister) compare(t reflect.Type, name string) {
	if l.seen == nil {
		l.seen = map[reflect.Type]bool{}
	}
	if l.seen[t] {
		return
	}
	l.seen[t] = true
	for _, field := range fields(t) {
		if slices.Contains(l.Removed, name+"."+field.name) {
			continue
		}
		found := l.visit(field.t, nil)
		if known := l.known[name][field.name].t; known != found {
			l.lacking = append(l.lacking, fmt.Sprintf("%s.%s: %s here, %q in kubernetes.txt", name, field.name, found, known))
		}
	}
}

// mark is what a schema says of a list.
func (l *lister) mark(t reflect.Type, schema map[string]any) mark {
	switch schema["x-kubernetes-list-type"] {
	case "set":
		return mark{set: true}
	case "map":
	default:
		return mark{}
	}
	for t.Kind() != reflect.Slice {
		t = t.Elem()
	}
	element := l.schema(t.Elem(), child(schema, "items"))
	var found mark
	for _, name := range schema["x-kubernetes-list-map-keys"].([]any) {
		key := key{name: name.(string)}
		// OpenAPI has the zero value as the default of whatever Go has no default for.
		if absent := property(element, key.name)["default"]; absent != nil && !reflect.ValueOf(absent).IsZero() {
			key.absent = fmt.Sprint(absent)
		}
		found.keys = append(found.keys, key)
	}
	return found
}

// schema is that of a struct type: by its name for Kubernetes, else where it is used.
func (l *lister) schema(t reflect.Type, used map[string]any) map[string]any {
	if l.definitions == nil {
		return used
	}
	domain, path, _ := strings.Cut(t.PkgPath(), "/")
	labels := strings.Split(domain, ".")
	slices.Reverse(labels)
	name := strings.Join(append(labels, strings.Split(path+"/"+t.Name(), "/")...), ".")
	schema := l.definitions[name]
	if schema == nil {
		panic("OpenAPI has no " + name)
	}
	return schema
}

func definitionsIn(folder string) map[string]map[string]any {
	definitions := map[string]map[string]any{}
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	must(err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		must(err)
		var document struct {
			Components struct{ Schemas map[string]map[string]any }
		}
		must(json.Unmarshal(text, &document))
		for name, schema := range document.Components.Schemas {
			definitions[name] = schema
		}
	}
	return definitions
}

func child(schema map[string]any, name string) map[string]any {
	found, _ := schema[name].(map[string]any)
	return found
}

func property(schema map[string]any, name string) map[string]any {
	return child(child(schema, "properties"), name)
}

func sorted[V any](of map[string]V) []string {
	var names []string
	for name := range of {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
