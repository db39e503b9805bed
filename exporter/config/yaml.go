package config

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// decode decodes data strictly and records the line of every field.
func (c *Config) decode(data []byte) (*document, error) {
	for i, line := range bytes.Split(data, []byte("\n")) {
		if !utf8.Valid(line) {
			return nil, c.errorAt(i+1, "", "not UTF-8; save the file in this encoding")
		}
	}
	nodes, err := parseYAML(data)
	if err != nil {
		return nil, c.yamlError(data, err, func(head []byte) error {
			_, err := parseYAML(head)
			return err
		})
	}
	switch {
	case len(nodes) == 0:
		return nil, c.errorAt(1, "", "the file is empty; name at least one log under sources")
	case len(nodes) > 1:
		return nil, c.errorAt(nodes[1].Line, "", "a second YAML document; put everything into the first")
	}

	// Run check first: the strict decoder refuses the same faults, but its errors name
	// Go types instead of the field.
	if err := c.check(nodes[0].Content[0], reflect.TypeFor[document](), ""); err != nil {
		return nil, err
	}
	var doc document
	if err := decodeYAML(data, &doc); err != nil {
		return nil, c.yamlError(data, err, func(head []byte) error {
			return decodeYAML(head, new(document))
		})
	}
	return &doc, nil
}

// parseYAML returns the YAML documents in data.
func parseYAML(data []byte) ([]*yaml.Node, error) {
	var nodes []*yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		node := new(yaml.Node)
		if err := dec.Decode(node); errors.Is(err, io.EOF) {
			return nodes, nil
		} else if err != nil {
			return nil, err
		}
		nodes = append(nodes, node)
	}
}

// decodeYAML decodes the first YAML document in data strictly.
func decodeYAML(data []byte, doc *document) error {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	return dec.Decode(doc)
}

// yamlError rewrites err, an error of decode for data. err is "yaml: line 3: text" or
// only "yaml: text". Its line is at best the first line of the block around the fault.
// The right line is the first one up to which the file fails with the same error.
func (c *Config) yamlError(data []byte, err error, decode func(head []byte) error) error {
	lines := bytes.SplitAfter(data, []byte("\n"))
	before := sort.Search(len(lines)-1, func(i int) bool {
		headErr := decode(bytes.Join(lines[:i+1], nil))
		return headErr != nil && headErr.Error() == err.Error()
	})
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		_, text, _ = strings.Cut(rest, ": ")
	}
	return c.errorAt(before+1, "", "not valid YAML: %s; check indentation, quotes and brackets here and above", text)
}

// A shape is the YAML form of a Go kind.
type shape struct {
	kind yaml.Kind
	text string
}

var (
	scalar   = shape{yaml.ScalarNode, "a single value"}
	sequence = shape{yaml.SequenceNode, `a list ("- value" lines, or [value, value])`}
	mapping  = shape{yaml.MappingNode, `a mapping ("field: value" lines)`}

	trueOrList = shape{yaml.ScalarNode, `true, or a list of names such as [mx1, mx2]`}

	shapes = map[reflect.Kind]shape{
		reflect.String: scalar,
		reflect.Bool:   {yaml.ScalarNode, "true or false"},
		reflect.Slice:  sequence,
		reflect.Map:    mapping,
		reflect.Struct: mapping,

		reflect.Interface: trueOrList,
	}
)

// check returns an error for the first node in n that does not fit into a value of type
// t, and records the lines of the fields before it. n is the value of field. The depth
// of the type bounds the recursion, so an alias to itself ends with an error.
func (c *Config) check(n *yaml.Node, t reflect.Type, field string) error {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if isNull(n) {
		return nil
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	want := shapes[t.Kind()]
	if t.Kind() == reflect.Interface {
		if t = reflect.TypeFor[bool](); n.Kind == yaml.SequenceNode {
			t, want = reflect.TypeFor[[]string](), sequence
		}
	}
	if n.Kind != want.kind || t.Kind() == reflect.Bool && n.ShortTag() != "!!bool" {
		return c.errorAt(n.Line, field, "want %s, not %s", want.text, describe(n))
	}
	switch n.Kind {
	case yaml.MappingNode:
		return c.checkMapping(n, t, field)
	case yaml.SequenceNode:
		for i, item := range n.Content {
			path := field + "[" + strconv.Itoa(i) + "]"
			c.lines[path] = item.Line
			// The decoder drops a null, which would shift the numbers of the items after it.
			if isNull(item) || item.Kind == yaml.AliasNode && isNull(item.Alias) {
				return c.errorAt(item.Line, path, "empty; give it a value or remove it")
			}
			if err := c.check(item, t.Elem(), path); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkMapping is check for a mapping n into a struct or map t.
func (c *Config) checkMapping(n *yaml.Node, t reflect.Type, field string) error {
	var prefix string
	if field != "" {
		prefix = field + "."
	}
	seen := make(map[string]int)
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode || isNull(key) {
			return c.errorAt(key.Line, field, "a field's name must be plain text")
		}
		path := prefix + key.Value
		if line, ok := seen[key.Value]; ok {
			return c.errorAt(key.Line, path, "already given on line %d; remove one of the two", line)
		}
		seen[key.Value] = key.Line
		elem, ok := elemType(t, key.Value)
		if !ok {
			return c.errorAt(key.Line, path, "unknown field; the fields here are %s", strings.Join(fieldNames(t), ", "))
		}
		c.lines[path] = key.Line
		if path == "state" && isNull(value) {
			return c.errorAt(key.Line, path, `empty; name a file, or write "" to keep no state`)
		}
		if err := c.check(value, elem, path); err != nil {
			return err
		}
	}
	return nil
}

// elemType returns the type of the value under key in a mapping into t.
func elemType(t reflect.Type, key string) (reflect.Type, bool) {
	if t.Kind() == reflect.Map {
		return t.Elem(), true
	}
	for f := range t.Fields() {
		if f.Tag.Get("yaml") == key && key != "-" {
			return f.Type, true
		}
	}
	return nil, false
}

func fieldNames(t reflect.Type) []string {
	var names []string
	for f := range t.Fields() {
		if name := f.Tag.Get("yaml"); name != "-" {
			names = append(names, name)
		}
	}
	return names
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	default:
		return strconv.Quote(n.Value)
	}
}
