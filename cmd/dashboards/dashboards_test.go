package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// The files in the repository must be the output of this program, and Grafana's schema
// must have all of their fields.
func TestDashboards(t *testing.T) {
	plugins.RegisterDefaultPlugins()
	boards, err := boards()
	if err != nil {
		t.Fatal(err)
	}
	for name, builder := range boards {
		t.Run(name, func(t *testing.T) {
			want, err := render(builder)
			if err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(filepath.Join("../../dashboards/grafana", name))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s is not what the program writes; run: go run . ../../dashboards/grafana", name)
			}
			var d dashboard.Dashboard
			// The package returns an empty error if there is no fault.
			if err := d.UnmarshalJSONStrict(got); err != nil && err.Error() != "" {
				t.Fatalf("not of Grafana's schema: %v", err)
			}
			if err := d.Validate(); err != nil && err.Error() != "" {
				t.Errorf("not of Grafana's schema: %v", err)
			}
		})
	}
}
