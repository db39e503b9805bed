package logparse_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"smtp_reply_exporter/logparse"
)

// TestStateGoesOn reads a log with a chain of parsers, each of which resumes from
// the state of the previous one. The events must be those of a single parser.
// Cases have few lines, so each of their lines gets a new parser.
func TestStateGoesOn(t *testing.T) {
	for _, name := range logNames(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			try := sweep(t, 100)
			log := lines(readLog(t, name))
			whole, parts := logparse.NewParser(), logparse.NewParser()
			for i, line := range log {
				if strings.HasSuffix(name, "/cases") || try() {
					state, err := parts.MarshalBinary()
					if err != nil {
						t.Fatal(err)
					}
					parts = logparse.NewParser()
					if err := parts.UnmarshalBinary(state); err != nil {
						t.Fatal(err)
					}
				}
				want, got := whole.Parse(line).Events, parts.Parse(line).Events
				if !reflect.DeepEqual(want, got) { // a diff of equal values is slow
					t.Fatalf("line %d: %s\n%s", i+1, cmp.Diff(want, got), line)
				}
			}
		})
	}
}

// stateOfCases returns the state of a parser that has read all cases, and the lines
// of the cases.
func stateOfCases(t testing.TB) (state []byte, log [][]byte) {
	t.Helper()
	p := logparse.NewParser()
	log = caseLines(t)
	for _, line := range log {
		p.Parse(line)
	}
	state, err := p.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return state, log
}

// TestStateThatIsDropped restores states that UnmarshalBinary drops as a whole.
func TestStateThatIsDropped(t *testing.T) {
	good, _ := stateOfCases(t)
	fresh, err := logparse.NewParser().MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	const (
		damaged = "logparse: the parser's state is damaged; dropped all of it"
		earlier = "logparse: the parser's state is that of an earlier version or damaged; dropped all of it"
	)
	format := bytes.Clone(good)
	format[len("logparse")] = 9
	part := bytes.Clone(good)
	copy(part[len("logparse")+2:], "\xff\xff\xff\xff")
	for _, test := range []struct {
		name  string
		state []byte
		want  string
	}{
		{"empty", nil, earlier},
		{"format 1", make([]byte, 16+8*len(logparse.MTAs())), earlier},
		{"format 9", format, "logparse: the parser's state has format 9, not 2; dropped all of it"},
		{"magic", good[:len("logparse")], damaged},
		{"cut", good[:len(good)-1], damaged},
		{"cut before a section", cutBeforeLast(good), damaged},
		{"longer", append(bytes.Clone(good), 0), damaged},
		{"part too long", part, damaged},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := logparse.NewParser()
			if diff := cmp.Diff(test.want, fmt.Sprint(p.UnmarshalBinary(test.state))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			after, err := p.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			if len(after) != len(fresh) {
				t.Errorf("the parser remembers %d bytes, a new one %d", len(after), len(fresh))
			}
		})
	}
}

// cutBeforeLast returns a state without the section of its last table.
func cutBeforeLast(state []byte) []byte {
	mtas := logparse.MTAs()
	name := mtas[len(mtas)-1]
	return state[:bytes.LastIndex(state, append([]byte{byte(len(name))}, name...))]
}

// layoutAt returns the offset, in a state, of the layout of an MTA's table.
func layoutAt(t *testing.T, state []byte, mta string, table byte) int {
	t.Helper()
	name := append(append([]byte{byte(len(mta))}, mta...), table)
	i := bytes.Index(state, name)
	if i < 0 {
		t.Fatalf("no section of %s", mta)
	}
	return i + len(name)
}

// TestStateOfAnotherVersion restores states with some tables that do not fit. The
// parser must restore all others.
func TestStateOfAnotherVersion(t *testing.T) {
	good, _ := stateOfCases(t)
	size := func(state []byte, mta string, table byte) int {
		return int(binary.LittleEndian.Uint32(state[layoutAt(t, state, mta, table)+8:]))
	}
	for _, test := range []struct {
		name   string
		change func(state []byte)
		tables map[string]byte // dropped
		want   string
	}{
		{
			"another layout",
			func(state []byte) { state[layoutAt(t, state, "haraka", 1)]++ },
			map[string]byte{"haraka": 1},
			"logparse: the parser's state for haraka is that of another version or damaged; dropped it",
		},
		{
			"two other layouts",
			func(state []byte) {
				state[layoutAt(t, state, "qmail", 1)]++
				state[layoutAt(t, state, "exchange", 0)]++
			},
			map[string]byte{"qmail": 1, "exchange": 0},
			"logparse: the parser's state for exchange, qmail is that of another version or damaged; dropped it",
		},
		{
			"an MTA that is unknown",
			func(state []byte) { copy(state[layoutAt(t, state, "maddy", 0)-2:], "\n") },
			map[string]byte{"maddy": 0},
			`logparse: the parser's state for "madd\n" is that of another version or damaged; dropped it`,
		},
		{
			"a table that is unknown",
			func(state []byte) { state[layoutAt(t, state, "haraka", 1)-1] = 9 },
			map[string]byte{"haraka": 1},
			"logparse: the parser's state for haraka is that of another version or damaged; dropped it",
		},
		{
			"a table twice",
			func(state []byte) { state[layoutAt(t, state, "haraka", 1)-1] = 0 },
			map[string]byte{"haraka": 1},
			"logparse: the parser's state for haraka is that of another version or damaged; dropped it",
		},
		{
			"an invalid value", // an IP address of 255 bytes
			func(state []byte) {
				entries := state[layoutAt(t, state, "cisco_esa", 0)+8+4:]
				entries[8+46] = 0xff
			},
			map[string]byte{"cisco_esa": 0},
			"logparse: the parser's state for cisco_esa is that of another version or damaged; dropped it",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			state := bytes.Clone(good)
			test.change(state)
			p := logparse.NewParser()
			if diff := cmp.Diff(test.want, fmt.Sprint(p.UnmarshalBinary(state))); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			restored, err := p.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			lost := len(good) - len(restored)
			for mta, table := range test.tables {
				n := size(good, mta, table)
				if n == 0 {
					t.Errorf("the cases leave nothing in table %d of %s", table, mta)
				}
				if kept := size(restored, mta, table); kept > 0 {
					t.Errorf("table %d of %s has %d bytes", table, mta, kept)
				}
				lost -= n
			}
			if lost != 0 {
				t.Errorf("%d bytes of other tables are lost", lost)
			}
		})
	}
}

// An empty table of another layout is no error, since dropping it loses nothing.
func TestEmptyTableOfAnotherVersion(t *testing.T) {
	p := logparse.NewParser()
	p.Parse([]byte("2026-11-23T14:34:05.291Z [NOTICE] [-] [server] Listening on 192.0.2.1:25"))
	state, err := p.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	state[layoutAt(t, state, "haraka", 1)]++
	if err := logparse.NewParser().UnmarshalBinary(state); err != nil {
		t.Error(err)
	}
}

// FuzzState restores any bytes, and the state of the cases with one byte changed,
// and parses the cases again.
func FuzzState(f *testing.F) {
	good, log := stateOfCases(f)
	f.Add([]byte(nil), uint32(0), byte(0))
	f.Add(good, uint32(0), byte(1))
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		f.Add([]byte(nil), random.Uint32(), byte(1<<random.IntN(8)))
	}
	f.Fuzz(func(t *testing.T, state []byte, at uint32, flip byte) {
		flipped := bytes.Clone(good)
		flipped[int(at%uint32(len(flipped)))] ^= flip
		for _, state := range [][]byte{state, flipped} {
			p := logparse.NewParser()
			_ = p.UnmarshalBinary(state) // even after an error, the parser is usable
			for _, line := range log {
				r := p.Parse(line)
				for i := range r.Events {
					checkEvent(t, line, &r.Events[i])
				}
			}
			if again, err := p.MarshalBinary(); err != nil || len(again) > 2*len(good) && len(again) > 2*len(state) {
				t.Errorf("a state of %d bytes, error %v", len(again), err)
			}
		}
	})
}
