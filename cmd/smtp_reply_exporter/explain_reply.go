package main

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"

	"smtp_reply_exporter/exporter/classify"
	"smtp_reply_exporter/exporter/classify/provider"
	"smtp_reply_exporter/exporter/classify/reason"
	"smtp_reply_exporter/logparse"
)

// An explainer writes what replies mean.
type explainer struct {
	io.Writer
	classifier *classify.Classifier
}

// codes explains a reply code, and the enhanced code after it, if there is one.
func (x explainer) codes(code logparse.Code, enhanced logparse.EnhancedCode) {
	x.meaning(code, enhanced)
	if code.Class() < 4 {
		return
	}
	fmt.Fprint(x, "\nReason, unless the text or the provider leads to another\n")
	for _, dir := range []logparse.Direction{logparse.Received, logparse.Sent} {
		x.judge(nil, &logparse.Event{Direction: dir, Code: code, Enhanced: enhanced, Count: 1})
	}
}

// reply explains a whole reply. Nobody knows who said it.
func (x explainer) reply(code logparse.Code, enhanced logparse.EnhancedCode, text []byte) {
	x.meaning(code, enhanced)
	if code.Class() < 4 {
		return
	}
	fmt.Fprintln(x)
	for _, dir := range []logparse.Direction{logparse.Received, logparse.Sent} {
		e := &logparse.Event{Direction: dir, Code: code, Enhanced: enhanced, Text: text, Count: 1}
		if dir == logparse.Received {
			e.Remote = x.hostIn(text)
		}
		x.judge(nil, e)
	}
}

// line explains the replies that a log line shows.
func (x explainer) line(r logparse.Result) {
	for i := range r.Events {
		e := &r.Events[i]
		fmt.Fprintf(x, "%s, %s\n", r.MTA, printable(r.Program))
		if e.Kind == logparse.Delivery {
			fmt.Fprintf(x, "  a delivery that no reply ended: %s\n", e.Cause)
			continue
		}
		describeAfter(x, "  text      ", "            ", printable(e.Text))
		if e.Implied {
			describe(x, "The line does not show this reply as such; no other fits it.")
		}
		if e.Repeat {
			describe(x, "Another line shows this reply, too. It counts there.")
		}
		if e.Kind == logparse.Reply {
			x.meaning(e.Code, e.Enhanced)
		} else {
			describe(x, "The line does not show the code of this refusal.")
		}
		if e.Kind == logparse.Refusal || e.Code.Class() >= 4 {
			fmt.Fprintln(x)
			x.judge(r.Program, e)
		}
	}
}

func (x explainer) meaning(code logparse.Code, enhanced logparse.EnhancedCode) {
	explainCode(x, code)
	if enhanced.Class == 0 {
		return
	}
	fmt.Fprintln(x)
	explainEnhanced(x, enhanced)
	if code.Class() != int(enhanced.Class) {
		describe(x, "Its first digit should be that of the reply code (RFC 2034 §4). Both are counted as they are logged.")
	}
}

// judge writes the reason of a reply, and what to do about it.
func (x explainer) judge(program []byte, e *logparse.Event) {
	l, by := x.classifier.Explain(program, e)
	title := "Received from another server"
	if e.Direction == logparse.Sent {
		title = "Sent by this server"
	}
	fmt.Fprintf(x, "%s: %s\n", title, l.Reason)
	x.decision(by)
	if l.Provider != provider.Other {
		fmt.Fprintf(x, "  provider  %s\n", l.Provider)
	}
	advice, ok := reason.AdviceOn(e.Direction, l.Reason)
	if !ok {
		return
	}
	describeAfter(x, "  means     ", "            ", advice.Meaning)
	fmt.Fprintf(x, "  retrying  %s\n", retries[advice.Retry])
	for i, step := range advice.Steps {
		first := "            - "
		if i == 0 {
			first = "  to do     - "
		}
		describeAfter(x, first, "              ", step)
	}
	if page := pageIn(e.Text); page != "" {
		fmt.Fprintf(x, "  page      %s\n", page)
	} else if page := provider.Page(l.Provider); page != "" {
		fmt.Fprintf(x, "  page      %s\n", page)
	}
}

var retries = map[string]string{
	"yes":   "helps",
	"later": "helps once the cause is gone",
	"no":    "does not help",
}

// decision writes which rule gave the reason, and by which words.
func (x explainer) decision(by reason.Judgement) {
	if by.Rule == "" {
		return
	}
	if by.Quoted != nil {
		describeAfter(x, "  quotes    ", "            ", printable(by.Quoted))
	}
	how := "the codes"
	if len(by.Words) > 0 {
		how = `"` + printable([]byte(strings.Join(by.Words, `", "`))) + `"`
	}
	describeAfter(x, "  rule      ", "            ", by.Rule+", by "+how)
}

var hostName = regexp.MustCompile(`[A-Za-z0-9][A-Za-z0-9-]*(\.[A-Za-z0-9][A-Za-z0-9-]*)+`)

// hostIn returns the first host of a known provider that a reply's text names, or nil.
func (x explainer) hostIn(text []byte) []byte {
	for _, host := range hostName.FindAll(text, -1) {
		e := &logparse.Event{Direction: logparse.Received, Remote: host}
		if x.classifier.Labels(nil, e).Provider != provider.Other {
			return host
		}
	}
	return nil
}

var pageAddress = regexp.MustCompile(`https?://[!-~]+`)

// pageIn returns the first page that a reply's text names, or "".
func pageIn(text []byte) string {
	return strings.TrimRight(string(pageAddress.Find(text)), ".,;:)]>'\"")
}

// printable returns a text from a log for a terminal: without control characters.
func printable(text []byte) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(string(text), "\uFFFD"))
}
