package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"smtp_reply_exporter/exporter/classify"
	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/logparse"
)

// explainWidth is the length in bytes of the longest line of a description.
const explainWidth = 80

// maxExplained is how many bytes of standard input explain reads.
const maxExplained = 1 << 20

// outcomes are what a code's first digit means for the client (RFC 5321 §4.2.1).
var outcomes = [...]string{
	2: "done as asked",
	3: "the client has to send more",
	4: "not done; the client should try again later",
	5: "not done; the client should not try the same again",
}

func addExplain(app *kingpin.Application, commands map[string]func() error, stdout io.Writer) {
	kingpin.EnableFileExpansion = false // lines of qmail begin with @, which is no name of a file
	cmd := app.Command("explain", "Explain a reply code, an enhanced code, a whole reply or a log line, and say what to do.")
	words := cmd.Arg("what", "A reply code such as 451, an enhanced code such as 4.7.1, both, a whole reply, or a line of a mail log; standard input if there is none.").Strings()
	configFile := cmd.Flag("config.file", "Configuration file, for its networks, providers, reasons and formats.").String()
	commands[cmd.FullCommand()] = func() error {
		what := strings.Join(*words, " ")
		if len(*words) == 0 {
			in, err := io.ReadAll(io.LimitReader(os.Stdin, maxExplained))
			if err != nil {
				return err
			}
			what = string(in)
		}
		cfg, classifier, err := loadNamed(*configFile)
		if err != nil {
			return err
		}
		text, err := explain(cfg, classifier, unquote(strings.TrimSpace(what)))
		if err != nil {
			return err
		}
		_, err = io.WriteString(stdout, text)
		return err
	}
}

// explain says what a code, a reply or a log line means.
func explain(cfg *config.Config, c *classify.Classifier, what string) (string, error) {
	var b strings.Builder
	x := explainer{&b, c}
	first, second, _ := strings.Cut(what, " ")
	if enhanced, ok := wholeEnhanced(what); ok {
		explainEnhanced(x, enhanced)
		return b.String(), nil
	}
	if code, _, ok := logparse.ParseReply([]byte(first)); ok && len(first) == len("451") {
		if enhanced, ok := wholeEnhanced(second); ok || second == "" {
			x.codes(code, enhanced)
			return b.String(), nil
		}
		if isNumber(second) {
			return "", fmt.Errorf("%q is not an enhanced code; use three numbers, the first of them 2, 4 or 5, such as 4.7.1", second)
		}
	}
	if code, enhanced, ok := logparse.ParseReply([]byte(what)); ok {
		x.reply(code, enhanced, []byte(what))
		return b.String(), nil
	}
	parser := cfg.NewParser(config.Auto)
	for line := range bytes.Lines([]byte(what)) {
		x.line(parser.Parse(bytes.TrimRight(line, "\r\n")))
	}
	switch {
	case b.Len() > 0:
		return b.String(), nil
	case !strings.Contains(what, " ") && strings.Contains(what, "."):
		return "", fmt.Errorf("%q is not an enhanced code; use three numbers, the first of them 2, 4 or 5, such as 4.7.1", what)
	case !strings.Contains(what, " "):
		return "", fmt.Errorf("%q is not a reply code; use three digits from 200 to 599, such as 451", what)
	}
	return "", fmt.Errorf("%q shows no reply; use a code such as 451, a reply such as \"451 4.7.1 Try again later\", or a line of a mail log in which one is", what)
}

// wholeEnhanced returns the enhanced code that s is.
func wholeEnhanced(s string) (logparse.EnhancedCode, bool) {
	enhanced, n := logparse.ParseEnhanced([]byte(s))
	return enhanced, n > 0 && n == len(s)
}

// unquote takes off the quotes around a reply that was pasted with them.
func unquote(s string) string {
	if n := len(s); n > 2 && (s[0] == '"' || s[0] == '\'') && s[n-1] == s[0] {
		return s[1 : n-1]
	}
	return s
}

func isNumber(s string) bool { return strings.Trim(s, "0123456789.") == "" }

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

// describe writes an indented paragraph.
func describe(w io.Writer, text string) { describeAfter(w, "  ", "  ", text) }

// describeAfter writes a paragraph. Its first line begins with first, the others with
// indent.
func describeAfter(w io.Writer, first, indent, text string) {
	line := strings.TrimSuffix(first, " ")
	for word := range strings.FieldsSeq(text) {
		if len(line)+len(" ")+len(word) > explainWidth && strings.TrimSpace(line) != "" {
			fmt.Fprintln(w, line)
			line = strings.TrimSuffix(indent, " ")
		}
		line += " " + word
	}
	fmt.Fprintln(w, line)
}
