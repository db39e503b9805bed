package pipeline

import (
	"bytes"
	"encoding/gob"
	"strings"
	"testing"
	"time"

	"smtp_reply_exporter/exporter/counter"
	"smtp_reply_exporter/exporter/source/follow"
)

func TestStateOfAnotherProgram(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	good := h.payload()
	var foreign bytes.Buffer
	if err := gob.NewEncoder(&foreign).Encode(struct{ Offset int }{7}); err != nil {
		t.Fatal(err)
	}
	encode := func(s saved) []byte {
		payload, err := s.encode()
		if err != nil {
			t.Fatal(err)
		}
		return payload
	}
	bad := map[string][]byte{
		"no counts":   encode(saved{Sources: []savedSource{{Name: "mail"}}}),
		"no position": encode(saved{Positions: []follow.Position{{Path: h.path("mail.log"), Head: follow.Head{Len: 1 << 20}}}}),
		"empty":       {}, "text": []byte("offset=7\n"), "zeros": make([]byte, 4096), "another program's": foreign.Bytes(),
		"cut short": good[:len(good)-1], "half": good[:len(good)/2],
	}
	const want = "the state was written by another version and cannot be read; move its file away to start from zero: "
	for name, payload := range bad {
		t.Run(name, func(t *testing.T) {
			if _, err := h.restoreFrom(payload); err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// TestStateOfAnOlderVersion restores a state without the fields of later versions.
func TestStateOfAnOlderVersion(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	var newer saved
	if err := gob.NewDecoder(bytes.NewReader(h.payload())).Decode(&newer); err != nil {
		t.Fatal(err)
	}
	type savedSource struct {
		Name     string
		Snapshot *counter.Snapshot
	}
	older := struct {
		Sources   []savedSource
		Positions []follow.Position
	}{Positions: newer.Positions}
	for _, s := range newer.Sources {
		s.Snapshot.Folded, s.Snapshot.DialogueSent = nil, nil // families that did not exist
		older.Sources = append(older.Sources, savedSource{s.Name, s.Snapshot})
	}
	var payload bytes.Buffer
	if err := gob.NewEncoder(&payload).Encode(older); err != nil {
		t.Fatal(err)
	}
	p, err := h.restoreFrom(payload.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	s := p.Commit(CommitTime).Sources[0]
	if got := s.Sent[sent554].Value; got != 1 {
		t.Errorf("%d replies, want 1", got)
	}
	if got := p.sources[0].current; !got.Equal(s.LastLine) || got.IsZero() || p.maxGap() != longestGap {
		t.Errorf("read to its end at %v, last line %v, maxGap %v", got, s.LastLine, p.maxGap())
	}
	if n, ok := s.Folded[counter.SentDetail]; !ok || n.Value != 0 || n.Created.Before(s.Created) {
		t.Errorf("a family that is new: %v, there: %v", n, ok)
	}
}

// TestStateOfAnotherParser tests that only the parser's state is lost.
func TestStateOfAnotherParser(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	var s saved
	if err := gob.NewDecoder(bytes.NewReader(h.payload())).Decode(&s); err != nil {
		t.Fatal(err)
	}
	s.Sources[0].Parsers[h.path("mail.log")] = savedParser{[]byte("another version's"), time.Now()}
	payload, err := s.encode()
	if err != nil {
		t.Fatal(err)
	}
	p, err := h.restoreFrom(payload)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Commit(CommitTime).Sources[0].Sent[sent554].Value; got != 1 {
		t.Errorf("%d replies, want 1", got)
	}
	if !strings.Contains(h.logged.String(), "a parser lost its state") {
		t.Errorf("not said:\n%s", &h.logged)
	}
}
