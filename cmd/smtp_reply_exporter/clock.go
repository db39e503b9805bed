package main

import (
	"time"

	"smtp_reply_exporter/logparse"
)

const (
	day      = 24 * time.Hour
	halfYear = 183 * day
)

// A clock finds the times of the lines of a file, of which many forms have no year.
type clock struct {
	zone  *time.Location // of times without a zone
	year  int            // of times without a year; 0 before the first line, unless it is known
	wrote time.Time      // when the file was last written to
	last  time.Time      // of the line before
}

// time returns the time of a line. ok is false if it has none that can be read.
func (c *clock) time(logged logparse.Timestamp) (at time.Time, ok bool) {
	if c.year == 0 {
		c.year = c.firstYear(logged)
	}
	at, ok = logged.In(c.year, c.zone)
	if !ok {
		return at, false
	}
	if apart := at.Sub(c.last); !c.last.IsZero() && apart.Abs() > halfYear { // New Year is between the two
		next := c.year + 1
		if apart > 0 {
			next = c.year - 1
		}
		if other, ok := logged.In(next, c.zone); ok && other.Sub(c.last).Abs() < apart.Abs() {
			at, c.year = other, next
		}
	}
	c.last = at
	return at, true
}

// firstYear returns the year of the file's first line: the latest in which that was not
// logged after the file was written to, give or take a day for the zone. A file may hold
// the 29 February of eight years ago.
func (c *clock) firstYear(logged logparse.Timestamp) int {
	latest := c.wrote.In(c.zone).Year()
	for year := latest; year >= latest-8; year-- {
		if at, ok := logged.In(year, c.zone); ok && at.Before(c.wrote.Add(day)) {
			return year
		}
	}
	return latest
}
