package config

import (
	"fmt"
	"strings"
	"unicode"
)

// The limits on the hosts of a source that have the label host, and on their names, which
// is that of the DNS.
const (
	MaxHosts    = 200
	MaxHostName = 253 // bytes
)

// checkHosts sets AllHosts and HostNames of source i.
func (c *Config) checkHosts(i int) error {
	s := &c.Sources[i]
	field := fmt.Sprintf("sources[%d].hosts", i)
	names, isList := s.Hosts.([]any)
	if !isList {
		s.AllHosts, _ = s.Hosts.(bool)
		return nil
	}
	switch {
	case len(names) == 0:
		return c.Errorf(field, "empty; list the hosts, such as [mx1, mx2], or write true for all")
	case len(names) > MaxHosts:
		return c.Errorf(field, "%d hosts are more than %d; list those to tell apart, all others become other", len(names), MaxHosts)
	}
	lines := make(map[string]int)
	for j := range names {
		name := strings.Map(lowerASCII, fmt.Sprint(names[j]))
		field := fmt.Sprintf("%s[%d]", field, j)
		switch line, given := lines[name]; {
		case name == "" || len(name) > MaxHostName || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || !unicode.IsPrint(r) }):
			return c.Errorf(field, "%q is not the name of a host; write it as the log does, without blanks", name)
		case name == "other":
			return c.Errorf(field, `"other" stands for all hosts that are not listed; remove it`)
		case given:
			return c.Errorf(field, "%q is given on line %d too; remove one of the two", name, line)
		}
		lines[name] = c.line(field)
		s.HostNames = append(s.HostNames, name)
	}
	return nil
}

// lowerASCII is the lower case of the DNS (RFC 4343).
func lowerASCII(r rune) rune {
	if 'A' <= r && r <= 'Z' {
		r += 'a' - 'A'
	}
	return r
}
