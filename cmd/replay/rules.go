package replay

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

type recording struct {
	Record string            `yaml:"record"`
	Expr   string            `yaml:"expr"`
	Labels map[string]string `yaml:"labels,omitempty"`
}

// levels returns the recording rules in a file as several files, of which each needs only
// the results of those before it. What a rule says about its own past, or about a rule that
// needs it, has no value.
func levels(file string) ([][]byte, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var content struct{ Groups []struct{ Rules []recording } }
	if err := yaml.Unmarshal(text, &content); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var waiting []recording
	for _, g := range content.Groups {
		waiting = append(waiting, g.Rules...)
	}
	var out [][]byte
	for len(waiting) > 0 {
		var ready, rest []recording
		for _, r := range waiting {
			if slices.ContainsFunc(waiting, func(other recording) bool { return other.Record != r.Record && uses(r.Expr, other.Record) }) {
				rest = append(rest, r)
			} else {
				ready = append(ready, r)
			}
		}
		if len(ready) == 0 { // they need each other
			ready, rest = rest, nil
		}
		level, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "level", "interval": ruleStep.String(), "rules": ready}}})
		if err != nil {
			return nil, err
		}
		out, waiting = append(out, level), rest
	}
	return out, nil
}

// uses reports whether an expression has the name of a rule. A name may begin with another.
func uses(expr, name string) bool {
	for rest, found := expr, true; found; {
		_, rest, found = strings.Cut(rest, name)
		if found && (rest == "" || !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789_:", rune(rest[0]))) {
			return true
		}
	}
	return false
}
