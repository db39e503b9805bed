package follow

import (
	"os"
	"testing"
)

// logrotate moves the log to its olddir.
func TestOldDir(t *testing.T) {
	for _, m := range []mode{running, restarting, down} {
		for _, relative := range []bool{false, true} {
			t.Run(string(m), func(t *testing.T) {
				w := newWorld(t, m, Source{Path: "*.log"})
				w.cfg.Sources[0].OldDir = "old"
				if !relative {
					w.cfg.Sources[0].OldDir = w.path("old")
				}
				w.restartEmpty()
				w.must(os.Mkdir(w.path("old"), 0o755))
				w.open("old/mail.log.7").raw("from long ago\n")
				log := w.open("mail.log")
				w.start()
				log.add(3)
				w.poll()
				for _, ext := range []string{".gz", ".bz2", ".xz", ".zst"} {
					log.add(3)
					for i := 9; i > 0; i-- {
						for _, ext := range []string{"", ".gz", ".bz2", ".xz", ".zst"} {
							if _, err := os.Stat(w.path("old/" + number(i) + ext)); err == nil {
								w.rename("old/"+number(i)+ext, "old/"+number(i+1)+ext)
							}
						}
					}
					w.rename("mail.log", "old/mail.log.1")
					log.add(1)
					w.poll()
					log.add(1)
					log.reopen("mail.log")
					log.add(1)
					w.poll()
					w.compress("old/mail.log.1", ext)
				}
				w.settle(true)
				if st := w.stats(); st.LostFiles != 0 || st.LostBytes != 0 || st.Files != 1 {
					t.Errorf("stats: %+v", st)
				}
			})
		}
	}
}
