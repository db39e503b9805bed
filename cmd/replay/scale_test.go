package replay

import "testing"

func TestScale(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"window", `increase(a_total[30m]) > 20`, `increase(a_total[30000ms]) > 20`},
		{"subquery and offset", `a:b:increase1h[1d:2h] offset 1d23h`, `a:b:increase1h[1440000ms:120000ms] offset 2820000ms`},
		{"age", `a_seconds < time() - 3600`, `a_seconds < time() - 60`},
		{"rule", "interval: 1m\n for: 5m", "interval: 1000ms\n for: 5000ms"},
		{"route", `group_wait: 30s`, `group_wait: 500ms`},
		{"names and shares", `sum:x:past_ratio2h{code="451"} > 0.2`, `sum:x:past_ratio2h{code="451"} > 0.2`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Scale(tc.in, 60)
			if err != nil {
				t.Fatal(err)
			}
			if got != tc.want {
				t.Errorf("Scale(%q) = %q, want %q", tc.in, got, tc.want)
			}
		})
	}
}
