package replay

import (
	"fmt"
	"regexp"
	"slices"

	"gopkg.in/yaml.v3"
)

type rule struct {
	Record string `yaml:"record"`
	Expr   string `yaml:"expr"`
}

type group struct {
	Name     string `yaml:"name"`
	Interval string `yaml:"interval"`
	Rules    []rule `yaml:"rules"`
}

type ruleFile struct {
	Groups []group `yaml:"groups"`
}

var recorded = regexp.MustCompile(`\w+(?::\w+)+`)

// byLevel splits a file of recording rules into files that can be evaluated one after the
// other: the rules of a file use, besides themselves, only what those before it record.
func byLevel(text []byte) ([][]byte, error) {
	var f ruleFile
	if err := yaml.Unmarshal(text, &f); err != nil {
		return nil, err
	}
	var rest []rule
	for _, g := range f.Groups {
		rest = append(rest, g.Rules...)
	}
	var files [][]byte
	for len(rest) > 0 {
		var level, later []rule
		for _, r := range rest {
			if uses(r, rest) {
				later = append(later, r)
			} else {
				level = append(level, r)
			}
		}
		if len(level) == 0 {
			return nil, fmt.Errorf("%s and others use each other", rest[0].Record)
		}
		content, err := yaml.Marshal(ruleFile{[]group{{"level", ruleStep.String(), level}}})
		if err != nil {
			return nil, err
		}
		files = append(files, content)
		rest = later
	}
	return files, nil
}

// uses reports whether a rule reads what another of the rules records.
func uses(r rule, others []rule) bool {
	names := recorded.FindAllString(r.Expr, -1)
	return slices.ContainsFunc(others, func(o rule) bool { return o.Record != r.Record && slices.Contains(names, o.Record) })
}
