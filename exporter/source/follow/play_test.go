package follow

import (
	"os"
	"strconv"
	"time"
)

// holes does copytruncate under a writer that does not open its log with O_APPEND, so
// that the log begins with a hole.
func holes(after func(*world, *writer)) func(*world, *writer) {
	return func(w *world, log *writer) {
		log.withoutAppend()
		for i := range 4 {
			log.add(5)
			if i == 1 { // more than the hole of one block
				log.add(3000)
			}
			if i == 2 {
				w.poll()
				log.add(1)
			}
			copytruncate(w)
			after(w, log)
		}
	}
}

// rename renames mail.log and its predecessors to the next number.
func rename(w *world) {
	w.Helper()
	w.shift()
	w.rename("mail.log", "mail.log.1")
}

// shift renames the predecessors of mail.log to the next number.
func (w *world) shift() {
	w.Helper()
	for i := 40; i > 0; i-- {
		for _, ext := range []string{"", ".gz", ".zst", ".xz", ".bz2"} {
			if _, err := os.Stat(w.path(number(i) + ext)); err == nil {
				w.rename(number(i)+ext, number(i+1)+ext)
			}
		}
	}
}

// copytruncate copies mail.log to mail.log.1 and empties it.
func copytruncate(w *world) {
	w.Helper()
	w.shift()
	w.copyLog("mail.log.1")
	w.truncate("mail.log", 0)
}

func number(i int) string { return "mail.log." + strconv.Itoa(i) }

func rotate(w *world, log *writer) {
	w.Helper()
	rename(w)
	log.reopen("mail.log")
}

// late renames the log while the writer keeps writing to the old file for d.
func late(d time.Duration, create bool) func(*world, *writer) {
	return func(w *world, log *writer) {
		for range 3 {
			log.add(3)
			rename(w)
			if create {
				w.create("mail.log")
			}
			for left := d; left > 0; left -= Interval {
				log.add(2)
				w.poll()
			}
			log.add(2)
			log.reopen("mail.log")
			log.add(3)
			w.poll()
		}
	}
}

// compressed rotates the log and compresses the old file d later.
func compressed(d time.Duration, ext string) func(*world, *writer) {
	return func(w *world, log *writer) {
		log.add(40)
		rotate(w, log)
		log.add(3)
		w.wait(d)
		w.compress("mail.log.1", ext)
		log.add(3)
		w.poll()
		log.add(3)
		w.poll()
	}
}
