package journal

import (
	"bytes"
	"errors"
	"time"
)

// probeInterval is the time between two probes of the journal.
const probeInterval = time.Minute

var errStalled = errors.New("journalctl --follow does not print the journal's new entries: reading them anew")

// A watchdog notices that the journal has entries that the child which follows it does not
// print. At intervals it asks another journalctl for the newest entry.
type watchdog struct {
	probe   *child // nil between two probes
	decoder decoder
	next    time.Time // when to start the next probe
	cursor  []byte    // that the probe has printed

	newest []byte // cursor of the journal's newest entry, by the last probe
	read   []byte // cursor of the entry that was read last before that
	known  bool   // there was a probe
	// suspect reports whether the last probe has found a new entry that was not read yet.
	suspect bool
}

// start starts a probe if it is time for one. If journalctl does not start, the next
// probe may.
func (d *watchdog) start(now time.Time, journalctl string, args func() []string) {
	if d.probe != nil || now.Before(d.next) {
		return
	}
	d.next = now.Add(probeInterval)
	d.decoder.reset()
	d.cursor = nil
	d.probe, _ = startChild(journalctl, args())
}

// stalled takes the cursor of the entry that was read last. It reports whether two probes
// in a row have found new entries and none was read meanwhile. One probe alone may have
// seen an entry before the child did.
func (d *watchdog) stalled(read []byte) bool {
	newest, ended := d.result()
	if !ended {
		return false
	}
	stalled := d.suspect && bytes.Equal(read, d.read)
	// A clock that was set back leaves an older entry the newest; only another one is new.
	d.suspect = d.known && len(newest) > 0 && !bytes.Equal(newest, d.newest) && !sameEntry(newest, read) || stalled
	d.newest, d.read, d.known = newest, bytes.Clone(read), true
	return stalled
}

// result returns the cursor that a probe has printed, once it has ended with success.
func (d *watchdog) result() (cursor []byte, ended bool) {
	if d.probe == nil {
		return nil, false
	}
	for {
		select {
		case chunk, ok := <-d.probe.chunks:
			if !ok {
				err := d.probe.err
				d.probe = nil
				return d.cursor, err == nil
			}
			if d.decoder.decode(chunk, d.entry) != nil {
				d.stop()
				return nil, false
			}
		default:
			return nil, false
		}
	}
}

func (d *watchdog) entry() error {
	d.cursor = bytes.Clone(d.decoder.fields[fieldCursor])
	return nil
}

// stop ends a probe.
func (d *watchdog) stop() {
	if d.probe != nil {
		d.probe.kill()
		d.probe = nil
	}
}
