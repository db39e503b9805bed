package main

import (
	"io"
	"strings"
	"testing"
	"time"
)

func TestProgressString(t *testing.T) {
	for _, tt := range []struct {
		name       string
		read, size int64
		want       string
	}{
		{"begin", 0, 1000, "mail.log [                              ]   0 %"},
		{"half", 500, 1000, "mail.log [===============               ]  50 %"},
		{"end", 1000, 1000, "mail.log [==============================] 100 %"},
		{"grown meanwhile", 1200, 1000, "mail.log [==============================] 100 %"},
		{"size not known", 12_345_678, 0, "mail.log 12 MB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &progress{name: "mail.log", read: tt.read, size: tt.size}
			if got := p.String(); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestProgressRead(t *testing.T) {
	var terminal strings.Builder
	p := newProgress(&terminal, strings.NewReader("1234567890"), "/var/log/mail.log", 10)
	read := func(n int) {
		t.Helper()
		if _, err := io.ReadFull(p, make([]byte, n)); err != nil {
			t.Fatal(err)
		}
	}
	p.next = time.Now().Add(time.Hour)
	read(2)
	if terminal.Len() > 0 {
		t.Errorf("drawn before its time: %q", &terminal)
	}
	p.next = time.Time{}
	read(3)
	p.next = time.Now().Add(time.Hour)
	read(5)
	p.clear()
	const erase = "\r\x1b[K"
	if want := erase + "mail.log [===============               ]  50 %" + erase; terminal.String() != want {
		t.Errorf("%q, want %q", terminal.String(), want)
	}
}
