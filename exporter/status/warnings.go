package status

import (
	"fmt"
	"maps"
	"slices"

	"smtp_reply_exporter/exporter/pipeline"
	"smtp_reply_exporter/logparse"
)

// A Warning is something that is wrong, and its cure.
type Warning struct {
	Bad     bool         // replies are not counted
	What    string       // a sentence
	Sources List[string] // the names of those that it is about
	Details string       // the error as it came; "" if there is none
	Cures   []string     // the most likely one first
}

// warnings returns what is wrong with the sources and their lines, the worst first.
func (c *counts) warnings(sources []Source, recently string) []Warning {
	var all []Warning
	for state := Denied; state <= Silent; state++ {
		byKind := map[string][]Source{}
		for i := range sources {
			if s := &sources[i]; s.State == state {
				byKind[s.kind()] = append(byKind[s.kind()], *s)
			}
		}
		for _, kind := range slices.Sorted(maps.Keys(byKind)) {
			all = append(all, ofState(state, kind, byKind[kind]))
		}
	}
	return append(all, c.losses(recently)...)
}

// The kinds of sources, as in the configuration.
const (
	file    = "file"
	journal = "journal"
	syslog  = "syslog"
	stdin   = "stdin"
)

func (v *Source) kind() string {
	switch {
	case v.config.Journal != nil:
		return journal
	case v.config.Syslog != "":
		return syslog
	case v.config.Stdin:
		return stdin
	}
	return file
}

// ofState returns the warning about sources of one kind in one state.
func ofState(state State, kind string, sources []Source) Warning {
	w := Warning{Bad: state <= NotMail, What: faults[state], Cures: cures[state][kind]}
	if w.Cures == nil {
		w.Cures = cures[state][file]
	}
	if err := sources[0].Err; err != nil {
		w.Details = err.Error()
	}
	var names []string
	for i := range sources {
		names = append(names, sources[i].Name)
	}
	w.Sources = first(maxNames, names)
	return w
}

var faults = map[State]string{
	Denied:  "The exporter may not read the log.",
	Broken:  "The source cannot be read.",
	Absent:  "The log does not exist.",
	NotMail: "No line so far is of a mail server that the exporter knows.",
	Late:    "The exporter does not keep up with the log.",
	Partly:  "Some of the logs cannot be read.",
	Silent:  "No line for a day.",
}

// cures are by the kind of the source; those of a file hold for the others, too.
var cures = map[State]map[string][]string{
	Denied: {
		file: {
			"On Debian and Ubuntu, add the exporter's user to the group adm: SupplementaryGroups=adm in the unit.",
			"On Red Hat, where only root may read the log, give the exporter's user an ACL or read the journal; docs/deployment.md has the lines.",
		},
		journal: {"Add the exporter's user to the group systemd-journal: SupplementaryGroups=systemd-journal in the unit."},
		syslog:  {"The exporter's user may not bind this port or path: take a port above 1023, or a directory that the user may write to."},
	},
	Broken: {
		file:    {"Look at the path in the configuration; it has to be a plain file, or a glob of plain files."},
		journal: {"journalctl has to run as the exporter's user; a container image without it cannot read the journal."},
		syslog:  {"Another process uses the port or path; find it with ss -lptuxn.", "The address is not one of this host."},
		stdin:   {"Restart the exporter together with the program that writes into it."},
	},
	Absent: {file: {
		"The logger creates it with its next line: nothing to do if mail just has not been logged yet.",
		"Mail is logged elsewhere: name that log in the configuration (file:).",
	}},
	NotMail: {
		file: {
			"It is not the mail log: name the right one in the configuration (file:).",
			"It is: its header has an unknown form. smtp_reply_exporter parse FILE names the nearest form that is known.",
		},
		journal: {"Look whether the matches are those of the mail server's unit (journalctl -u UNIT -n 5)."},
		syslog:  {"Look which messages the relay sends: it has to be those of the facility mail, with their syslog tag."},
	},
	Late:   {file: {"After a long downtime: wait.", "Give the exporter more CPU, or find what keeps the CPU or the disk busy."}},
	Partly: {file: {"Let the exporter's user read all logs that the glob matches, or make the glob narrower."}},
	Silent: {
		file:    {"Look whether the mail server runs.", "Look whether it logs elsewhere now, such as to another file after a rotation, or to the journal."},
		syslog:  {"Look whether the relay runs and reaches this address."},
		journal: {"Look whether the mail server runs, and logs to the journal (journalctl -p info -n 5)."},
	},
}

// losses returns the warnings of lines that were lost or not understood recently.
func (c *counts) losses(recently string) (all []Warning) {
	for _, logger := range logparse.Loggers() {
		if n := c.recent[key{kind: lostLines, name: logger}]; n > 0 {
			all = append(all, Warning{What: fmt.Sprintf("%s dropped %s lines %s. All counts lack the replies in them.", logger, number(n), recently), Cures: raise[logger]})
		}
	}
	if n := c.recent[key{kind: lostBytes}]; n > 0 {
		all = append(all, Warning{
			What:  fmt.Sprintf("%s were gone from a log before they could be read, %s.", size(int64(n)), recently),
			Cures: []string{"Let logrotate rename the log (create), not copy and truncate it (copytruncate)."},
		})
	}
	if n := c.recent[key{kind: lostFiles}]; n > 0 {
		all = append(all, Warning{
			What:  fmt.Sprintf("Rotated logs were gone, damaged or in an unknown format before they were read to their ends: %s %s.", number(n), recently),
			Cures: []string{"Keep rotated logs for longer than the exporter may be stopped.", "logrotate moves them to another directory: name it in the source (olddir:)."},
		})
	}
	missed := map[string]uint64{}
	for k, n := range c.recent {
		if k.kind == dropped && k.name != "not_allowed" && k.name != "silent" && k.name != "older" { // as in the alert
			missed[k.name] = n
		}
	}
	for _, cause := range slices.Sorted(maps.Keys(missed)) {
		all = append(all, Warning{
			What:  fmt.Sprintf("Syslog messages were dropped (%s): %s %s.", cause, number(missed[cause]), recently),
			Cures: []string{"Send over TCP, which waits, or give the exporter more CPU.", "The runbook has more for each cause, at SMTPReplyExporterMessagesDropped."},
		})
	}
	const floor, percent = 10, 100 // as in the alert
	if n := c.recent[key{kind: lines, name: logparse.NotUnderstood.String()}]; n > floor && n*percent > c.recent[key{kind: lines, name: logparse.Understood.String()}] {
		all = append(all, Warning{
			What:  fmt.Sprintf("%s lines %s look like replies and were not understood. Counts may be too low.", number(n), recently),
			Cures: []string{"smtp_reply_exporter parse FILE shows such lines. Please report some, with the addresses changed."},
		})
	}
	return all
}

var raise = map[string][]string{
	logparse.Rsyslog:  {"Raise SysSock.RateLimit.Interval of imuxsock, or Ratelimit.Interval of imjournal."},
	logparse.Journald: {"Raise RateLimitBurst= in journald.conf."},
	logparse.Syslogd:  {"Keep syslogd from replacing identical lines: -cc on FreeBSD."},
}

// stateWarnings returns what is wrong with the state file.
func stateWarnings(s *pipeline.Snapshot, about About) []Warning {
	switch {
	case s.State == nil && about.Stateless:
		return nil
	case s.State == nil:
		return []Warning{{
			What: "No state is kept: after a restart, counting starts at 0, and lines of the meantime do not count.",
			Cures: []string{
				"Create /var/lib/smtp_reply_exporter for the exporter's user: StateDirectory=smtp_reply_exporter in the unit.",
				"Or name another file in the configuration (state:).",
			},
		}}
	case s.State.Failure != nil:
		return []Warning{{
			What:    "The state is not durable: counting goes on, but a crash now would lose counts.",
			Details: s.State.Failure.Error(),
			Cures:   []string{"Free up space on the disk of the state file (df -h, df -i).", "Let the exporter's user write the state file and its directory."},
		}}
	}
	return nil
}
