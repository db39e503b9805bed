package main

import (
	"fmt"
	"os"
	"time"
)

// ways are the ways in which logs are rotated.
var ways = []struct {
	name   string
	rotate func(*writer) error
}{
	{"none", func(*writer) error { return nil }},
	{"rename, reopened at once", func(w *writer) error {
		if err := os.Rename(w.path, w.next()); err != nil {
			return err
		}
		return w.reopen()
	}},
	{"rename, reopened 200 ms later", func(w *writer) error {
		w.late = 200
		return os.Rename(w.path, w.next())
	}},
	{"copytruncate", func(w *writer) error {
		text, err := os.ReadFile(w.path)
		if err != nil {
			return err
		}
		if err := os.WriteFile(w.next(), text, 0o600); err != nil {
			return err
		}
		return w.file.Truncate(0)
	}},
	{"delete and create", func(w *writer) error {
		if err := os.Remove(w.path); err != nil {
			return err
		}
		return w.reopen()
	}},
	{"symbolic link swapped", func(w *writer) error {
		target := w.next()
		if err := os.WriteFile(target, nil, 0o600); err != nil {
			return err
		}
		if err := os.Symlink(target, w.path+".new"); err != nil {
			return err
		}
		if err := os.Rename(w.path+".new", w.path); err != nil {
			return err
		}
		return w.reopen()
	}},
}

// A writer writes numbered lines to a log.
type writer struct {
	path    string
	file    *os.File
	rotated int
	late    int // lines until it reopens the log
}

// next returns the next name for the rotated log.
func (w *writer) next() string {
	w.rotated++
	return fmt.Sprintf("%s-%d", w.path, 20261100+w.rotated)
}

func (w *writer) reopen() error {
	if w.file != nil {
		w.file.Close()
	}
	var err error
	w.file, err = os.OpenFile(w.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	return err
}

// play writes all lines, one per millisecond, and rotates their log meanwhile.
func (w *writer) play(rotate func(*writer) error) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for i := range lines {
		<-tick.C
		if _, err := fmt.Fprintf(w.file, "%06d\n", i); err != nil {
			return err
		}
		if w.late > 0 {
			if w.late--; w.late == 0 {
				if err := w.reopen(); err != nil {
					return err
				}
			}
		}
		if i%(lines/rotations) == lines/rotations/2 {
			if err := rotate(w); err != nil {
				return err
			}
		}
	}
	return nil
}
