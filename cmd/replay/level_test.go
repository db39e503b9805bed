package replay

import (
	"os"
	"testing"

	"gopkg.in/yaml.v3"
)

func TestByLevel(t *testing.T) {
	text, err := os.ReadFile("../../dashboards/recording.yml")
	if err != nil {
		t.Fatal(err)
	}
	files, err := byLevel(text)
	if err != nil {
		t.Fatal(err)
	}
	var all ruleFile
	if err := yaml.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	left := map[string]bool{}
	for _, g := range all.Groups {
		for _, r := range g.Rules {
			left[r.Record] = true
		}
	}
	for i, content := range files {
		var f ruleFile
		if err := yaml.Unmarshal(content, &f); err != nil {
			t.Fatal(err)
		}
		for _, r := range f.Groups[0].Rules {
			for _, name := range recorded.FindAllString(r.Expr, -1) {
				if left[name] && name != r.Record {
					t.Errorf("level %d: %s uses %s, which a later one records", i, r.Record, name)
				}
			}
		}
		for _, r := range f.Groups[0].Rules {
			delete(left, r.Record)
		}
	}
	if len(left) > 0 {
		t.Errorf("in no level: %v", left)
	}
	if _, err := byLevel([]byte("groups: [{name: g, rules: [{record: 'a:b', expr: 'c:d'}, {record: 'c:d', expr: 'a:b'}]}]")); err == nil {
		t.Error("no error for rules that use each other")
	}
}
