package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"smtp_reply_exporter/exporter/classify"
	"smtp_reply_exporter/logparse"
)

// A summary counts the results of lines and prints them as tables.
type summary struct {
	outcomes      []int // lines, by logparse.Outcome
	mtaLines      int
	replies       map[replyRow]replyCount
	dialogue      map[replyRow]replyCount
	refusals      map[string]int // by command
	deliveries    int
	unanswered    map[string]int // deliveries, by cause
	lost          map[string]int // lines, by logger
	notUnderstood shapes
}

// A replyRow is one row of a table of replies. Replies in the dialogue have a command,
// all others have a reason and a provider.
type replyRow struct {
	direction                 logparse.Direction
	code                      logparse.Code
	command, reason, provider string
}

type replyCount struct{ all, implied int }

func newSummary() *summary {
	return &summary{
		outcomes:      make([]int, len(logparse.Outcomes())),
		replies:       map[replyRow]replyCount{},
		dialogue:      map[replyRow]replyCount{},
		refusals:      map[string]int{},
		unanswered:    map[string]int{},
		lost:          map[string]int{},
		notUnderstood: shapes{},
	}
}

func (s *summary) line(at position, r *logparse.Result, labels []classify.Labels) error {
	s.outcomes[r.Outcome]++
	if r.Read() {
		s.mtaLines++
	}
	s.notUnderstood.line(at, r)
	if r.LostLines > 0 {
		s.lost[r.Logger] += r.LostLines
	}
	for i := range r.Events {
		s.event(&r.Events[i], &labels[i])
	}
	return nil
}

func (s *summary) event(e *logparse.Event, l *classify.Labels) {
	s.deliveries += e.Deliveries
	switch e.Kind {
	case logparse.Reply:
		s.reply(e, l)
	case logparse.Refusal:
		s.refusals[e.Command.String()] += e.Count
	case logparse.Delivery:
		s.unanswered[l.Reason] += e.Deliveries
	}
}

func (s *summary) reply(e *logparse.Event, l *classify.Labels) {
	if e.Repeat {
		return
	}
	rows, row := s.replies, replyRow{direction: e.Direction, code: e.Code, reason: l.Reason, provider: l.Provider}
	if e.Dialogue {
		rows, row = s.dialogue, replyRow{direction: e.Direction, code: e.Code, command: e.Command.String()}
	}
	c := rows[row]
	c.all += e.Count
	if e.Implied {
		c.implied += e.Count
	}
	rows[row] = c
}

// print writes the tables that have rows. It ignores write errors, since out is a
// bufio.Writer, whose Flush returns them.
func (s *summary) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	defer w.Flush()
	printReplies(w, "Replies sent", s.replies, logparse.Sent, []string{"REASON"},
		func(r replyRow) []string { return []string{r.reason} })
	printReplies(w, "Replies received", s.replies, logparse.Received, []string{"REASON", "PROVIDER"},
		func(r replyRow) []string { return []string{r.reason, r.provider} })
	for _, d := range []logparse.Direction{logparse.Sent, logparse.Received} {
		printReplies(w, "Replies "+d.String()+" in dialogue", s.dialogue, d, []string{"COMMAND"},
			func(r replyRow) []string { return []string{cmp.Or(r.command, "-")} })
	}
	if len(s.replies)+len(s.dialogue) == 0 && s.mtaLines > 0 {
		fmt.Fprint(w, "No SMTP reply was found.\n\n")
	}
	printCounts(w, "Refusals sent without a code in the log", "COMMAND", s.refusals)
	printCounts(w, fmt.Sprintf("Deliveries without a reply (of %d)", s.deliveries), "CAUSE", s.unanswered)
	s.notUnderstood.print(w)
	printCounts(w, "Lines lost on the way to this log, so that all counts are too low", "BY", s.lost)
	s.printLines(w)
}

// printReplies writes the rows of one direction. columns are the headers between code
// and count, and cells returns their values.
func printReplies(w io.Writer, title string, counts map[replyRow]replyCount, d logparse.Direction, columns []string, cells func(replyRow) []string) {
	var rows []replyRow
	var sum replyCount
	for row, n := range counts {
		if row.direction == d {
			rows = append(rows, row)
			sum.all += n.all
			sum.implied += n.implied
		}
	}
	if len(rows) == 0 {
		return
	}
	slices.SortFunc(rows, func(a, b replyRow) int {
		return cmp.Or(cmp.Compare(a.code, b.code), cmp.Compare(counts[b].all, counts[a].all),
			cmp.Compare(a.command, b.command), cmp.Compare(a.reason, b.reason), cmp.Compare(a.provider, b.provider))
	})
	fmt.Fprintf(w, "%s: %d", title, sum.all)
	if sum.implied > 0 {
		fmt.Fprintf(w, ", %d of them implied: not shown as such by the log", sum.implied)
	}
	fmt.Fprintf(w, "\nCODE\tMEANING\t%s\t%9s", strings.Join(columns, "\t"), "COUNT")
	if sum.implied > 0 {
		fmt.Fprintf(w, "\t%9s", "IMPLIED")
	}
	fmt.Fprintln(w)
	for _, row := range rows {
		n := counts[row]
		fmt.Fprintf(w, "%s\t%s\t%s\t%9d", row.code, row.code.Meaning(), strings.Join(cells(row), "\t"), n.all)
		if n.implied > 0 {
			fmt.Fprintf(w, "\t%9d", n.implied)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w)
}

// printCounts writes a table of counts, the largest first.
func printCounts(w io.Writer, title, column string, counts map[string]int) {
	if len(counts) == 0 {
		return
	}
	total := 0
	for _, n := range counts {
		total += n
	}
	fmt.Fprintf(w, "%s: %d\n%s\t%9s\n", title, total, column, "COUNT")
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	for _, name := range names {
		fmt.Fprintf(w, "%s\t%9d\n", cmp.Or(name, "-"), counts[name])
	}
	fmt.Fprintln(w)
}

func (s *summary) printLines(w io.Writer) {
	total := 0
	for _, n := range s.outcomes {
		total += n
	}
	fmt.Fprintf(w, "Lines read: %d\n", total)
	for _, o := range []struct {
		outcome logparse.Outcome
		name    string
	}{
		{logparse.Understood, "showed replies or deliveries"},
		{logparse.NotUnderstood, "looked like replies and were not understood"},
		{logparse.Other, "of an MTA, about other things"},
		{logparse.Foreign, "of other programs"},
	} {
		fmt.Fprintf(w, "%9d  %s\n", s.outcomes[o.outcome], o.name)
	}
	if s.mtaLines > 0 {
		return
	}
	fmt.Fprintf(w, `
No line of an MTA was found. Check that
  - this is the mail log, often /var/log/mail.log or /var/log/maillog; a host
    that logs only to the journal has none:
    journalctl --facility=mail | %s parse -
  - it is plain text, or compressed with bzip2, gzip, xz or zstd
  - the lines name the program, such as postfix/smtpd[123], where the MTA logs by syslog
  - the MTA has logged since the log was rotated
  - it is one of %s,
    or --mta names a format of the configuration (--config.file)
`, name, strings.Join(logparse.MTAs(), ", "))
}
