package dashboards

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

// A selector is a metric in an expression, with the labels that the expression matches.
type selector struct {
	metric string
	labels []string
}

// An expression holds the names to which PromQL text refers.
type expression struct {
	selectors []selector
	grouping  []string // labels in by, without, on, ignoring, group_left, group_right
}

var (
	groupings = []string{"by", "without", "on", "ignoring", "group_left", "group_right"}
	operators = []string{"and", "or", "unless", "offset", "bool", "NaN"}
)

// scan finds the metrics and labels in valid PromQL. It judges only by their places, so
// promtool must have accepted the text before.
func scan(promql string) expression {
	var e expression
	tokens := tokenize(promql)
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		next := ""
		if i+1 < len(tokens) {
			next = tokens[i+1]
		}
		switch {
		case slices.Contains(groupings, t):
			if next == "(" {
				for i += 2; tokens[i] != ")"; i++ {
					if tokens[i] != "," {
						e.grouping = append(e.grouping, tokens[i])
					}
				}
			}
		case t == "[":
			for tokens[i] != "]" {
				i++
			}
		case t == "offset":
			i++
		case !isName(t) || slices.Contains(operators, t) || next == "(" || next == "by" || next == "without":
		default:
			s := selector{metric: t}
			if next == "{" {
				for i++; tokens[i] != "}"; i++ {
					if isName(tokens[i]) {
						s.labels = append(s.labels, tokens[i])
					}
				}
			}
			e.selectors = append(e.selectors, s)
		}
	}
	return e
}

// tokenize splits PromQL into names, numbers, strings and single other characters.
func tokenize(promql string) []string {
	var tokens []string
	for i := 0; i < len(promql); {
		start := i
		switch c := promql[i]; {
		case unicode.IsSpace(rune(c)):
			i++
			continue
		case c == '"':
			for i++; promql[i] != '"'; i++ {
				if promql[i] == '\\' {
					i++
				}
			}
			i++
		case isWord(c):
			for i < len(promql) && isWord(promql[i]) {
				i++
			}
		default:
			i++
		}
		tokens = append(tokens, promql[start:i])
	}
	return tokens
}

func isWord(c byte) bool {
	return c == '_' || c == ':' || c == '.' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func isName(token string) bool {
	return isWord(token[0]) && !strings.ContainsRune(".0123456789", rune(token[0]))
}

func TestScan(t *testing.T) {
	for _, tc := range []struct {
		name, promql string
		want         expression
	}{
		{"a metric", `up`, expression{selectors: []selector{{metric: "up"}}}},
		{"matchers and a range", `rate(a_total{b=~"c|}d\"", e!="f"}[5m])`, expression{selectors: []selector{{"a_total", []string{"b", "e"}}}}},
		{"an aggregation before", `sum by (a, b) (c)`, expression{[]selector{{metric: "c"}}, []string{"a", "b"}}},
		{"an aggregation after", `sum(c) without (a)`, expression{[]selector{{metric: "c"}}, []string{"a"}}},
		{"vector matching", `a * on (b) group_left (c) d`, expression{[]selector{{metric: "a"}, {metric: "d"}}, []string{"b", "c"}}},
		{"set operators and offsets", `a:b:c offset 1d23h unless 2 * d`, expression{selectors: []selector{{metric: "a:b:c"}, {metric: "d"}}}},
		{"a metric before a grouping", `a and on (b) c`, expression{[]selector{{metric: "a"}, {metric: "c"}}, []string{"b"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, scan(tc.promql), cmp.AllowUnexported(expression{}, selector{})); diff != "" {
				t.Errorf("scan(%s): -want +got:\n%s", tc.promql, diff)
			}
		})
	}
}
