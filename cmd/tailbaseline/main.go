// Command tailbaseline rotates a log in the usual ways under github.com/hpcloud/tail and
// under package follow, and prints how many lines each of them lost and repeated. It is
// a separate module, so that the exporter does not depend on hpcloud/tail.
package main

import (
	"bufio"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/hpcloud/tail"

	"smtp_reply_exporter/exporter/source/follow"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) == 3 {
		followers[os.Args[1]](os.Args[2])
		return
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "rotation\tlines\tfollower\tlost\tdoubled\t")
	for _, way := range ways {
		for _, name := range []string{"hpcloud/tail", "follow"} {
			r, err := measure(name, way.rotate)
			if err != nil {
				log.Fatalf("%s, %s: %v", way.name, name, err)
			}
			fmt.Fprintf(table, "%s\t%d\t%s\t%d\t%d\t%s\n", way.name, lines, name, r.lost, r.doubled, r.remark)
		}
	}
	table.Flush()
}

// followers print the lines of a log. Each runs in its own process, since hpcloud/tail
// may end the process.
var followers = map[string]func(path string){
	"hpcloud/tail": func(path string) {
		t, err := tail.TailFile(path, tail.Config{Follow: true, ReOpen: true, Logger: tail.DiscardingLogger})
		if err != nil {
			log.Fatal(err)
		}
		for line := range t.Lines {
			fmt.Println(line.Text)
		}
	},
	"follow": func(path string) {
		f := follow.New(follow.Config{Sources: []follow.Source{{Path: path, FromStart: true}}})
		for {
			more, _ := f.Poll(time.Now(), func(l follow.Line) { fmt.Printf("%s\n", l.Text) }) // measure counts what is lost
			if !more {
				time.Sleep(follow.Interval)
			}
		}
	},
}

const (
	lines     = 5000 // 1,000 a second
	rotations = 10
	settled   = 5 * time.Second // without a new line
)

type result struct {
	lost, doubled int
	remark        string
}

// measure writes numbered lines, rotates their log, and compares them with the lines that
// a follower printed.
func measure(name string, rotate func(*writer) error) (result, error) {
	dir, err := os.MkdirTemp("", "rotation")
	if err != nil {
		return result{}, err
	}
	defer os.RemoveAll(dir)
	w := &writer{path: filepath.Join(dir, "mail.log")}
	if err := w.reopen(); err != nil {
		return result{}, err
	}
	defer func() { w.file.Close() }()

	cmd := exec.Command(os.Args[0], name, w.path)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return result{}, err
	}
	if err := cmd.Start(); err != nil {
		return result{}, err
	}
	var s seen
	s.last = time.Now()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
			s.add(scanner.Text())
		}
	}()
	if err := w.play(rotate); err != nil {
		return result{}, err
	}
	var r result
	for r.remark == "" && s.quiet() < settled {
		select {
		case <-ended:
			r.remark = "ended its process"
		case <-time.After(follow.Interval):
		}
	}
	_ = cmd.Process.Kill() // it may have ended already
	<-ended
	_ = cmd.Wait() // always fails with "killed"
	for i := range lines {
		switch n := s.times[i]; {
		case n == 0:
			r.lost++
		case n > 1:
			r.doubled += n - 1
		}
	}
	return r, nil
}

// seen counts how often each line was printed.
type seen struct {
	mu    sync.Mutex
	times [lines]int
	last  time.Time
}

func (s *seen) add(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i, err := strconv.Atoi(text); err == nil && i < lines { // otherwise a part of a line, which counts as lost
		s.times[i]++
	}
	s.last = time.Now()
}

func (s *seen) quiet() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Since(s.last)
}
