// Command dashboards writes the Grafana dashboards of smtp_reply_exporter as JSON files.
// It must run in its own directory.
//
//	go run . DIRECTORY
//
// It is a separate module, so that the exporter does not depend on Grafana's schema
// package.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// The files of the alerts that the dashboards show, and of their thresholds.
const (
	rules      = "../../dashboards/alerts.yml"
	thresholds = "../../dashboards/thresholds.yml"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: dashboards DIRECTORY")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "dashboards:", err)
		os.Exit(1)
	}
}

func write(directory string) error {
	boards, err := boards()
	if err != nil {
		return err
	}
	for name, builder := range boards {
		b, err := render(builder)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(directory, name), b, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// boards returns the dashboards by file name.
func boards() (map[string]*dashboard.DashboardBuilder, error) {
	alerts, err := alertNames()
	if err != nil {
		return nil, err
	}
	s, err := readSettings()
	if err != nil {
		return nil, err
	}
	return map[string]*dashboard.DashboardBuilder{
		"overview.json":  overview(alerts, s),
		"providers.json": providerBoard(),
		"server.json":    server(),
		"exporter.json":  exporter(),
	}, nil
}

var alertLine = regexp.MustCompile(`(?m)^ *- alert: (\w+)$`)

func alertNames() ([]string, error) {
	text, err := os.ReadFile(rules)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, match := range alertLine.FindAllSubmatch(text, -1) {
		names = append(names, string(match[1]))
	}
	return names, nil
}

// render returns the dashboard as indented JSON with the characters of PromQL unescaped.
func render(builder *dashboard.DashboardBuilder) ([]byte, error) {
	d, err := builder.Build()
	if err != nil {
		return nil, err
	}
	// Through a tree, to take out what nobody asked for.
	raw, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	var tree map[string]any
	if err := json.Unmarshal(raw, &tree); err != nil {
		return nil, err
	}
	strip(tree)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(tree); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// defaults are what the SDK writes unasked. placement hides links and annotations in a menu
// of newer Grafanas, and repeatDirection made panels of older ones as wide as the page.
var defaults = map[string]any{
	"placement":            "inControlsMenu",
	"repeatDirection":      "h",
	"auto":                 false,
	"auto_min":             "10s",
	"auto_count":           30.0,
	"skipUrlSync":          false,
	"allowCustomValue":     true,
	"transparent":          false,
	"builtIn":              0.0,
	"hide":                 false,
	"fiscalYearStartMonth": 0.0,
}

func strip(tree any) {
	switch node := tree.(type) {
	case map[string]any:
		for key, value := range node {
			// The footer of a table has another place in newer Grafanas, and none is wanted.
			if standard, ok := defaults[key]; key == "footer" || ok && value == standard {
				delete(node, key)
				continue
			}
			strip(value)
		}
	case []any:
		for _, value := range node {
			strip(value)
		}
	}
}
