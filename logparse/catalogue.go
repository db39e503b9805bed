package logparse

import (
	_ "embed" // for the tables
	"fmt"
	"slices"
	"strconv"
	"strings"
)

//go:embed codes.tsv
var codesTable string

//go:embed enhanced.tsv
var enhancedTable string

// A CodeInfo is the catalogue's entry of a reply code.
type CodeInfo struct {
	Code        Code
	Meaning     string // in snake case; unique except for 432 and 510
	Status      string // standard, registered, observed, ...
	Description string
	Source      string // the RFC, or where the code was seen
}

// An EnhancedInfo is the catalogue's entry of an enhanced code.
type EnhancedInfo struct {
	Name        string // in snake case
	Description string
	Source      string // the RFC, or who uses it
}

var (
	codes    = readCodes()
	codeInfo = indexCodes()
	enhanced = readEnhanced()
)

// Codes returns the catalogue of reply codes in ascending order. The caller may
// change the slice.
func Codes() []CodeInfo { return slices.Clone(codes) }

// Info returns the code's entry; ok is false if the catalogue has none.
func (c Code) Info() (info CodeInfo, ok bool) {
	if int(c) < len(codeInfo) && codeInfo[c] != nil {
		return *codeInfo[c], true
	}
	return CodeInfo{Code: c}, false
}

// Meaning returns the name of the code's meaning, "unknown" if the catalogue lacks
// the code, or "none" for code 0.
func (c Code) Meaning() string {
	if c == 0 {
		return "none"
	}
	if int(c) < len(codeInfo) && codeInfo[c] != nil {
		return codeInfo[c].Meaning
	}
	return "unknown"
}

// String returns the code's digits, or "none" for code 0.
func (c Code) String() string {
	if c == 0 {
		return "none"
	}
	return strconv.Itoa(int(c))
}

// ClassLabel returns "2xx" to "5xx", or "none" for a value that is no reply code.
func (c Code) ClassLabel() string {
	switch c.Class() {
	case 2:
		return "2xx"
	case 3:
		return "3xx"
	case 4:
		return "4xx"
	case 5:
		return "5xx"
	}
	return "none"
}

// ClassName returns the meaning of the first digit (RFC 5321 §4.2.1), or "none" for
// a value that is no reply code.
func (c Code) ClassName() string {
	switch c.Class() {
	case 2:
		return "positive_completion"
	case 3:
		return "positive_intermediate"
	case 4:
		return "transient_negative"
	case 5:
		return "permanent_negative"
	}
	return "none"
}

// Category returns the meaning of the second digit (RFC 5321 §4.2.1), or "other" if
// it has none.
func (c Code) Category() string {
	switch c / 10 % 10 {
	case 0:
		return "syntax"
	case 1:
		return "information"
	case 2:
		return "connections"
	case 3, 4:
		return "unspecified"
	case 5:
		return "mail_system"
	}
	return "other"
}

// Info returns the entry of an enhanced code; ok is false if the catalogue has none.
func (e EnhancedCode) Info() (info EnhancedInfo, ok bool) {
	for _, class := range []uint8{e.Class, 0} {
		if entry, ok := enhanced[EnhancedCode{class, e.Subject, e.Detail}]; ok {
			return *entry, e.Class != 0
		}
	}
	return EnhancedInfo{}, false
}

// Known reports whether the catalogue has the enhanced code.
func (e EnhancedCode) Known() bool {
	if e.Class == 0 {
		return false
	}
	if _, ok := enhanced[EnhancedCode{0, e.Subject, e.Detail}]; ok {
		return true
	}
	_, ok := enhanced[e]
	return ok
}

func tableRows(table string, fields int) (rows [][]string) {
	for line := range strings.Lines(table) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		row := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(row) != fields {
			panic(fmt.Sprintf("catalogue: %d fields instead of %d: %q", len(row), fields, line))
		}
		rows = append(rows, row)
	}
	return rows
}

func readCodes() (codes []CodeInfo) {
	for _, row := range tableRows(codesTable, 5) {
		n, err := strconv.Atoi(row[0])
		if err != nil {
			panic("catalogue: " + err.Error())
		}
		codes = append(codes, CodeInfo{Code(n), row[1], row[2], row[3], row[4]})
	}
	return codes
}

func indexCodes() (index [600]*CodeInfo) {
	for i := range codes {
		index[codes[i].Code] = &codes[i]
	}
	return index
}

// readEnhanced returns the entries by code; class 0 stands for any class. A
// code may end with a range: 4.7.500-649.
func readEnhanced() map[EnhancedCode]*EnhancedInfo {
	entries := map[EnhancedCode]*EnhancedInfo{}
	for _, row := range tableRows(enhancedTable, 5) {
		code, last, ranged := strings.Cut(row[0], "-")
		class, anyClass := strings.CutPrefix(code, "X")
		if anyClass {
			class = "2" + class
		}
		first, n := ParseEnhanced([]byte(class))
		if n != len(class) {
			panic("catalogue: no enhanced code: " + row[0])
		}
		if anyClass {
			first.Class = 0
		}
		end := int(first.Detail)
		if ranged {
			var err error
			if end, err = strconv.Atoi(last); err != nil {
				panic("catalogue: " + err.Error())
			}
		}
		info := &EnhancedInfo{row[1], row[3], row[4]}
		for detail := int(first.Detail); detail <= end; detail++ {
			entries[EnhancedCode{first.Class, first.Subject, uint16(detail)}] = info
		}
	}
	return entries
}
