package logparse

import "slices"

// A grammar reads the messages of one MTA. It is the place of what is known of
// that MTA's logs, and its only state is in its tables.
type grammar interface {
	// parse adds the events of the line that it shares with the Parser, or says
	// that it is not understood.
	parse()
	// tables returns what is remembered between lines, in a constant order.
	tables() []remembered
}

// An mtaSpec is what the file of an MTA declares of it. The predicates look at
// nothing but what the writer of the log chooses.
type mtaSpec struct {
	name string // the label mta
	// program is the label program of lines without a syslog identifier.
	program []byte
	// programs are its syslog identifiers.
	programs []string
	// ownsProgram reports whether a syslog identifier that is none of programs is the
	// MTA's too; nil if none is.
	ownsProgram func(program []byte) bool
	// ownsForm reports whether a line without a syslog identifier is the MTA's by
	// the form of its message; nil for an MTA that writes no log of its own.
	ownsForm func(*Envelope) bool
	// formIsCommon is true of an MTA whose form is that of other programs' lines too.
	formIsCommon bool
	// formHasTag is true of an MTA whose form begins with what looks like a tag.
	formHasTag bool
	// isInTag reports whether a byte can stand in the brackets of the tag of one of
	// programs, in place of a process id; nil for digits alone.
	isInTag func(byte) bool
	shapes  []string // that can be not understood
	new     func(*line) grammar
}

// noMTA is the index of no MTA.
const noMTA = len(mtas)

// mtas are all MTAs. A line belongs to the first that owns it, so an MTA with a
// narrow form stands before those whose form is wider.
var mtas = [...]*mtaSpec{
	&eximMTA, // first, since it looks at no line without its form of a time
	&kumoMTA,
	&esaMTA,
	&qmailMTA, // before queue ids and modules, which "tcpserver: " and "rblsmtpd: " look like
	&postfixMTA,
	&harakaMTA,
	&openSMTPDMTA, // before maddy, whose module and words "mta: 0x55d1d0: <<< 220 x" looks like
	&maddyMTA,
	&msmtpMTA,
	&exchangeMTA,
	&hMailServerMTA,
	&powerMTA,
	&sendmailMTA,
	&courierMTA,
	&dmaMTA,
}

// MTAs returns the names of the MTAs whose logs are understood, sorted.
func MTAs() []string {
	names := make([]string, 0, len(mtas))
	for _, spec := range mtas {
		names = append(names, spec.name)
	}
	slices.Sort(names)
	return names
}

// mtaNamed returns the index of the MTA of that name.
func mtaNamed(name string) int {
	return slices.IndexFunc(mtas[:], func(spec *mtaSpec) bool { return spec.name == name })
}

// Shapes returns the forms of an MTA's lines that can be not understood; nil for
// a name that is not one of MTAs.
func Shapes(name string) []string {
	if m := mtaNamed(name); m >= 0 {
		return slices.Clone(mtas[m].shapes)
	}
	return nil
}

// ownerOf returns the index of the MTA that logged a line, by its syslog identifier
// or, where it has none, by its form.
func ownerOf(env *Envelope) int {
	if env.Program == nil {
		return ownerOfForm(env)
	}
	if m := ownerOfProgram(env.Program); m != noMTA {
		return m
	}
	for m, spec := range mtas {
		if spec.formHasTag && spec.ownsForm(env) {
			return m
		}
	}
	return noMTA
}

// ownerOfProgram returns the index of the MTA with a syslog identifier.
func ownerOfProgram(program []byte) int {
	for _, m := range programPatterns {
		if mtas[m].ownsProgram(program) {
			return m
		}
	}
	if m, ok := programNames[string(program)]; ok {
		return m
	}
	return noMTA
}

// programPatterns are the indices of the MTAs with ownsProgram, programNames those
// of programs, and tagIDs the isInTag of programs.
var programPatterns, programNames, tagIDs = indexPrograms()

func indexPrograms() (patterns []int, names map[string]int, ids map[string]func(byte) bool) {
	names, ids = map[string]int{}, map[string]func(byte) bool{}
	for m, spec := range mtas {
		if spec.ownsProgram != nil {
			patterns = append(patterns, m)
		}
		for _, name := range spec.programs {
			names[name] = m
			if spec.isInTag != nil {
				ids[name] = spec.isInTag
			}
		}
	}
	return patterns, names, ids
}

// ownerOfForm returns the index of the MTA that writes lines of this form to a log
// of its own.
func ownerOfForm(env *Envelope) int {
	for m, spec := range mtas {
		if spec.ownsForm != nil && spec.ownsForm(env) {
			return m
		}
	}
	return noMTA
}
