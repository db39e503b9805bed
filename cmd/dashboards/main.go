// Command dashboards writes the Grafana dashboards of smtp_reply_exporter as JSON files.
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

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// dashboards are the generated files by name.
var dashboards = map[string]func() *dashboard.DashboardBuilder{
	"overview.json":  overview,
	"providers.json": providers,
	"server.json":    server,
	"exporter.json":  exporter,
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: dashboards DIRECTORY")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func write(directory string) error {
	for name, build := range dashboards {
		b, err := render(build())
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(directory, name), b, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// render returns the dashboard as indented JSON with the characters of PromQL unescaped.
func render(builder *dashboard.DashboardBuilder) ([]byte, error) {
	d, err := builder.Build()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(d); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
