package logparse

import "slices"

// A grammar reads the messages of one MTA. It holds all knowledge about that MTA's
// logs. Its only state is in its tables.
type grammar interface {
	// parse adds events to the line that it shares with the Parser, or marks the
	// line as not understood.
	parse()
	// tables returns the state that is kept between lines, in a constant order.
	tables() []remembered
}

// An mtaSpec is an MTA's declaration, in the MTA's own file. The predicates look
// only at what the writer of the log chooses.
type mtaSpec struct {
	name string // the label mta
	// program is the label program of lines without a syslog identifier.
	program []byte
	// programs are its syslog identifiers.
	programs []string
	// ownsProgram reports whether a syslog identifier that is not in programs also
	// belongs to the MTA; nil if none does.
	ownsProgram func(program []byte) bool
	// ownsForm reports whether a line without a syslog identifier is the MTA's,
	// judged by the form of its message; nil for an MTA that writes no log of its own.
	ownsForm func(*Envelope) bool
	// formIsCommon is true if other programs write lines of the same form.
	formIsCommon bool
	// formHasTag is true if the form begins with what looks like a tag.
	formHasTag bool
	// anonymous is true if its lines have no id, so that two deliveries may look the same.
	anonymous bool
	// lenTagID returns how many bytes of b may stand between the brackets in the tag of one
	// of programs, where other programs write a process id; nil for digits alone.
	lenTagID func(b []byte) int
	shapes   []string // the forms that a line not understood may have
	// judged is the newest version that real logs with known replies judged; "" where
	// the log does not show the version.
	judged string
	new    func(*line) grammar
}

// noMTA is the index of no MTA.
const noMTA = len(mtas)

// mtas are all MTAs. A line belongs to the first MTA that owns it, so a narrow
// form stands before wider ones.
var mtas = [...]*mtaSpec{
	&eximMTA, // first, since it ignores lines without its form of a time
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

// MTAs returns the names of the MTAs whose logs the package reads, sorted. The
// caller may change the slice.
func MTAs() []string {
	names := make([]string, 0, len(mtas))
	for _, spec := range mtas {
		names = append(names, spec.name)
	}
	slices.Sort(names)
	return names
}

// mtaNamed returns the index of the MTA with that name; -1 if there is none.
func mtaNamed(name string) int {
	return slices.IndexFunc(mtas[:], func(spec *mtaSpec) bool { return spec.name == name })
}

// Shapes returns the names of the forms in which a line of the MTA may be not
// understood; nil for a name that MTAs does not return.
func Shapes(name string) []string {
	if m := mtaNamed(name); m >= 0 {
		return append(slices.Clone(mtas[m].shapes), shapeHeader)
	}
	return nil
}

// ownerOfProgram returns the index of the MTA that owns a syslog identifier; noMTA
// if none does.
func ownerOfProgram(program []byte) int {
	if m, ok := programNames[string(program)]; ok {
		return m
	}
	for _, m := range programPatterns {
		if mtas[m].ownsProgram(program) {
			return m
		}
	}
	return noMTA
}

// programPatterns are the indices of the MTAs that have ownsProgram. programNames
// maps each of programs to the index of its MTA, and tagIDs to its lenTagID.
var programPatterns, programNames, tagIDs = indexPrograms()

func indexPrograms() (patterns []int, names map[string]int, ids map[string]func([]byte) int) {
	names, ids = map[string]int{}, map[string]func([]byte) int{}
	for m, spec := range mtas {
		if spec.ownsProgram != nil {
			patterns = append(patterns, m)
		}
		for _, name := range spec.programs {
			names[name] = m
			if spec.lenTagID != nil {
				ids[name] = spec.lenTagID
			}
		}
	}
	return patterns, names, ids
}

// ownerOfForm returns the index of the MTA that writes lines of this form to its
// own log; noMTA if none does.
func ownerOfForm(env *Envelope) int {
	for m, spec := range mtas {
		if spec.ownsForm != nil && spec.ownsForm(env) {
			return m
		}
	}
	return noMTA
}
