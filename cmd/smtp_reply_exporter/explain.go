package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"smtp_reply_exporter/exporter/classify/provider"
	"smtp_reply_exporter/exporter/classify/reason"
	"smtp_reply_exporter/logparse"
)

// explainWidth is the length in bytes of the longest line of a description.
const explainWidth = 80

// outcomes are what a code's first digit means for the client (RFC 5321 §4.2.1).
var outcomes = [...]string{
	2: "done as asked",
	3: "the client has to send more",
	4: "not done; the client should try again later",
	5: "not done; the client should not try the same again",
}

func addExplain(app *kingpin.Application, commands map[string]func() error, stdout io.Writer) {
	cmd := app.Command("explain", "Explain a reply code or an enhanced code.")
	code := cmd.Arg("code", "Reply code such as 451, or an enhanced code alone, such as 4.7.1.").Required().String()
	enhanced := cmd.Arg("enhanced", "Enhanced code after the reply code.").String()
	commands[cmd.FullCommand()] = func() error {
		text, err := explain(*code, *enhanced)
		if err != nil {
			return err
		}
		_, err = io.WriteString(stdout, text)
		return err
	}
}

// explain returns the meaning of a reply code, first, and of the enhanced code after it,
// second. second may be ""; then first may be an enhanced code instead.
func explain(first, second string) (string, error) {
	var b strings.Builder
	if strings.Contains(first, ".") && second == "" {
		enhanced, err := parseEnhanced(first)
		if err != nil {
			return "", err
		}
		explainEnhanced(&b, enhanced)
		return b.String(), nil
	}
	code, _, ok := logparse.ParseReply([]byte(first))
	if !ok || len(first) != len("451") {
		return "", fmt.Errorf("%q is not a reply code; use three digits from 200 to 599, such as 451", first)
	}
	explainCode(&b, code)
	var enhanced logparse.EnhancedCode
	if second != "" {
		var err error
		if enhanced, err = parseEnhanced(second); err != nil {
			return "", err
		}
		fmt.Fprintln(&b)
		explainEnhanced(&b, enhanced)
		if code.Class() != int(enhanced.Class) {
			describe(&b, "Its first digit should be that of the reply code (RFC 2034 §4). Both are counted as they are logged.")
		}
	}
	err := explainReason(&b, code, enhanced)
	return b.String(), err
}

func parseEnhanced(s string) (logparse.EnhancedCode, error) {
	enhanced, n := logparse.ParseEnhanced([]byte(s))
	if n == 0 || n != len(s) {
		return enhanced, fmt.Errorf("%q is not an enhanced code; use three numbers, the first of them 2, 4 or 5, such as 4.7.1", s)
	}
	return enhanced, nil
}

func explainCode(w io.Writer, code logparse.Code) {
	info, known := code.Info()
	fmt.Fprintf(w, "%s %s\n", code, code.Meaning())
	if known {
		describe(w, info.Description)
	} else {
		describe(w, "No standard and no known server has this code; only its digits have a meaning.")
	}
	fmt.Fprintf(w, "  class     %s %s: %s\n", code.ClassLabel(), code.ClassName(), outcomes[code.Class()])
	fmt.Fprintf(w, "  category  %s\n", code.Category())
	if known {
		fmt.Fprintf(w, "  status    %s\n  source    %s\n", info.Status, info.Source)
	}
}

func explainEnhanced(w io.Writer, enhanced logparse.EnhancedCode) {
	info, known := enhanced.Info()
	if !known {
		fmt.Fprintf(w, "%s unknown\n", enhanced)
		describe(w, `No registry and no known server has this code; metrics show it as enhanced_code="other".`)
		return
	}
	fmt.Fprintf(w, "%s %s\n", enhanced, info.Name)
	describe(w, info.Description)
	fmt.Fprintf(w, "  source    %s\n", info.Source)
}

// explainReason writes the reasons of a reply with these codes and no text.
func explainReason(w io.Writer, code logparse.Code, enhanced logparse.EnhancedCode) error {
	reasons, err := reason.New(nil)
	if err != nil {
		return err
	}
	fmt.Fprint(w, "\nReason, unless the text or the provider leads to another\n")
	for _, d := range []logparse.Direction{logparse.Sent, logparse.Received} {
		fmt.Fprintf(w, "  %-8s  %s\n", d, reasons.Reason(&reason.Reply{Direction: d, Code: code, Enhanced: enhanced, Provider: provider.Other}))
	}
	return nil
}

// describe writes an indented paragraph.
func describe(w io.Writer, text string) {
	line := " "
	for word := range strings.FieldsSeq(text) {
		if len(line)+len(" ")+len(word) > explainWidth {
			fmt.Fprintln(w, line)
			line = " "
		}
		line += " " + word
	}
	fmt.Fprintln(w, line)
}
