package logparse_test

import (
	"fmt"
	"slices"
	"testing"

	"smtp_reply_exporter/logparse"
)

// TestNoPanicOnValues tests that every exported method takes every value of its
// type.
func TestNoPanicOnValues(t *testing.T) {
	for v := range 256 {
		v := uint8(v)
		for _, s := range []fmt.Stringer{
			logparse.Kind(v), logparse.Cause(v), logparse.Outcome(v), logparse.Command(v), logparse.Direction(v),
		} {
			if name := s.String(); name == "" && v < 2 && s != logparse.NoCause && s != logparse.NoCommand {
				t.Errorf("%T(%d) has no name", s, v)
			}
		}
		e := logparse.EnhancedCode{Class: v, Subject: 1000, Detail: 1<<16 - 1}
		_, _ = e.Info()
		_, _ = e.String(), e.Known()
	}
	for v := range 1 << 16 {
		c := logparse.Code(v)
		_, known := c.Info()
		for _, s := range []string{c.String(), c.Meaning(), c.ClassLabel(), c.ClassName(), c.Category()} {
			if s == "" {
				t.Errorf("code %d lacks a name", v)
			}
		}
		if class := c.Class(); known && (class < 2 || class > 5) {
			t.Errorf("code %d is known", v)
		}
	}
}

// TestNamesOfNothing tests the functions that take a name with unknown names.
func TestNamesOfNothing(t *testing.T) {
	if p, err := logparse.NewParserFor("exmi"); p != nil || err == nil {
		t.Errorf("%v, %v for a name that is no MTA's", p, err)
	}
	if shapes := logparse.Shapes("exmi"); shapes != nil {
		t.Errorf("shapes %q for a name that is no MTA's", shapes)
	}
}

// TestSlicesAreOwn tests that a caller may change the slices that the package
// returns.
func TestSlicesAreOwn(t *testing.T) {
	for name, get := range map[string]func() []string{
		"Causes": logparse.Causes, "Loggers": logparse.Loggers, "MTAs": logparse.MTAs,
		"Shapes": func() []string { return logparse.Shapes("postfix") },
	} {
		before := slices.Clone(get())
		got := get()
		clear(got)
		if !slices.Equal(get(), before) {
			t.Errorf("%s hands out the package's own slice", name)
		}
	}
	clear(logparse.Codes())
	clear(logparse.Outcomes())
	if info, _ := logparse.Code(451).Info(); info.Code != 451 || logparse.Codes()[0].Code == 0 {
		t.Error("Codes hands out the catalogue itself")
	}
}
