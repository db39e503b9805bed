package main

import (
	"strings"
	"testing"
)

func TestExplain(t *testing.T) {
	for _, args := range [][]string{
		{"451"},
		{"451", "4.7.1"},
		{"250"},
		{"460"},            // not in the catalogue
		{"550", "5.9.999"}, // not in the catalogue
		{"451", "5.7.1"},   // contradictory
		{"4.7.500"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			got, err := run(t, append([]string{"explain"}, args...)...)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "explain_"+strings.Join(args, "_")+".txt", got)
		})
	}
}

func TestExplainErrors(t *testing.T) {
	const (
		noCode     = " is not a reply code; use three digits from 200 to 599, such as 451"
		noEnhanced = " is not an enhanced code; use three numbers, the first of them 2, 4 or 5, such as 4.7.1"
	)
	for _, tt := range []struct{ name, code, enhanced, want string }{
		{"beyond 599", "999", "", `"999"` + noCode},
		{"below 200", "150", "", `"150"` + noCode},
		{"two digits", "45", "", `"45"` + noCode},
		{"text behind the code", "451 no", "", `"451 no"` + noCode},
		{"empty", "", "", `""` + noCode},
		{"two numbers", "4.7", "", `"4.7"` + noEnhanced},
		{"class 3", "3.7.1", "", `"3.7.1"` + noEnhanced},
		{"four numbers", "451", "4.7.1.2", `"4.7.1.2"` + noEnhanced},
		{"code for enhanced", "451", "451", `"451"` + noEnhanced},
		{"wrong order", "4.7.1", "451", `"4.7.1"` + noCode},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := explain(tt.code, tt.enhanced)
			if err == nil {
				t.Fatalf("no error; output:\n%s", got)
			}
			if err.Error() != tt.want {
				t.Errorf("error %q, want %q", err, tt.want)
			}
		})
	}
}
