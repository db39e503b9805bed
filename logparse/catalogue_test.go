package logparse_test

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"smtp_reply_exporter/logparse"
)

var snakeCase = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// rows returns the rows of one of the package's tables.
func rows(t *testing.T, file string) (rows [][]string) {
	t.Helper()
	table, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		if !strings.HasPrefix(line, "#") {
			rows = append(rows, strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
		}
	}
	return rows
}

func TestEveryCodeIsReachable(t *testing.T) {
	table := rows(t, "codes.tsv")
	codes := logparse.Codes()
	if len(codes) != len(table) {
		t.Fatalf("%d codes of %d rows", len(codes), len(table))
	}
	for i, row := range table {
		n, err := strconv.Atoi(row[0])
		if err != nil {
			t.Fatal(err)
		}
		code := logparse.Code(n)
		want := logparse.CodeInfo{Code: code, Meaning: row[1], Status: row[2], Description: row[3], Source: row[4]}
		info, ok := code.Info()
		if !ok || info != want || codes[i] != want {
			t.Errorf("%v: %+v, %v; want %+v", code, info, ok, want)
		}
		if !snakeCase.MatchString(info.Meaning) || code.Meaning() != info.Meaning {
			t.Errorf("%v: meaning %q", code, info.Meaning)
		}
		if info.Description == "" || info.Source == "" || info.Status == "" {
			t.Errorf("%v: nothing to explain it with: %+v", code, info)
		}
		if i > 0 && codes[i-1].Code >= code {
			t.Errorf("%v is not in order", code)
		}
	}
}

// Alerts need the codes of RFC 5321 §4.2.3 and its extensions in the catalogue.
func TestStandardCodes(t *testing.T) {
	for _, code := range []logparse.Code{
		211, 214, 220, 221, 235, 250, 251, 252, 334, 354, 421, 450, 451, 452, 454, 455,
		500, 501, 502, 503, 504, 521, 530, 535, 550, 551, 552, 553, 554, 555, 556,
	} {
		if info, ok := code.Info(); !ok || info.Status != "standard" {
			t.Errorf("%v is %q", code, info.Status)
		}
	}
}

func TestUnknownCodes(t *testing.T) {
	for code := logparse.Code(0); code < 700; code++ {
		if _, ok := code.Info(); ok || code == 0 {
			continue
		}
		if info, _ := code.Info(); info != (logparse.CodeInfo{Code: code}) || code.Meaning() != "unknown" {
			t.Errorf("%v: %+v, %s", code, info, code.Meaning())
		}
	}
	var none logparse.Code
	if none.String() != "none" || none.Meaning() != "none" || none.ClassLabel() != "none" || none.ClassName() != "none" {
		t.Errorf("no code is %v, %s, %s, %s", none, none.Meaning(), none.ClassLabel(), none.ClassName())
	}
}

func TestClassAndCategory(t *testing.T) {
	for _, test := range []struct {
		code                         logparse.Code
		label, className, categories string
	}{
		{200, "2xx", "positive_completion", "syntax"},
		{214, "2xx", "positive_completion", "information"},
		{221, "2xx", "positive_completion", "connections"},
		{334, "3xx", "positive_intermediate", "unspecified"},
		{446, "4xx", "transient_negative", "unspecified"},
		{451, "4xx", "transient_negative", "mail_system"},
		{599, "5xx", "permanent_negative", "other"},
	} {
		if c := test.code; c.ClassLabel() != test.label || c.ClassName() != test.className || c.Category() != test.categories {
			t.Errorf("%v: %s, %s, %s", c, c.ClassLabel(), c.ClassName(), c.Category())
		}
	}
}

func TestEveryEnhancedCodeIsReachable(t *testing.T) {
	for _, row := range rows(t, "enhanced.tsv") {
		code, last, ranged := strings.Cut(row[0], "-")
		// X stands for each class; a range ends with its last detail.
		texts := []string{code}
		if detail, ok := strings.CutPrefix(code, "X"); ok {
			texts = []string{"2" + detail, "4" + detail, "5" + detail}
		}
		if ranged {
			texts = append(texts, code[:strings.LastIndexByte(code, '.')+1]+last)
		}
		for _, text := range texts {
			e, n := logparse.ParseEnhanced([]byte(text))
			info, ok := e.Info()
			if n != len(text) || !ok || !e.Known() {
				t.Errorf("%s (%s) is not known", text, row[0])
			}
			if info.Name == "" || info.Description == "" || info.Source == "" {
				t.Errorf("%s: nothing to explain it with: %+v", text, info)
			}
		}
	}
}

func TestUnknownEnhancedCodes(t *testing.T) {
	for _, e := range []logparse.EnhancedCode{{}, {Class: 5, Subject: 99, Detail: 99}, {Subject: 7, Detail: 1}} {
		if info, ok := e.Info(); ok || e.Known() {
			t.Errorf("%v is %+v", e, info)
		}
	}
}
