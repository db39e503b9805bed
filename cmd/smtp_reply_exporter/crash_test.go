package main

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// TestCrash kills the exporter at random instants while a log is written and rotated.
// The scraped counts must equal the logged ones, no counter may decrease, and no
// created timestamp may change. CRASH_KILLS is the number of kills; from 100 on, a real
// Prometheus scrapes too.
func TestCrash(t *testing.T) {
	t.Parallel()
	kills := 15
	if n := os.Getenv("CRASH_KILLS"); n != "" {
		var err error
		if kills, err = strconv.Atoi(n); err != nil {
			t.Fatalf("CRASH_KILLS: %v", err)
		}
	}
	const seed = 4
	random := rand.New(rand.NewPCG(seed, 0))
	v := newVictim(t, "")
	template, err := os.ReadFile("testdata/crash/session.log")
	if err != nil {
		t.Fatal(err)
	}
	log := &logWriter{dir: v.dir, between: 200, template: strings.SplitAfter(strings.TrimSuffix(string(template), "\n"), "\n"), random: rand.New(rand.NewPCG(seed, 1))}
	log.template[len(log.template)-1] += "\n"

	v.start()
	v.scrapeOnce()
	var server *promServer
	if kills >= 100 {
		server = startPrometheus(t, v)
		log.between = 400 // the files of the last minute must not be so many that it only searches
	}
	stopWriting, written := make(chan struct{}), make(chan error, 1)
	go func() { written <- log.run(stopWriting) }()
	stopScraping := v.scrapeRepeatedly(rand.New(rand.NewPCG(seed, 2)))

	for i := range kills {
		if random.IntN(5) > 0 { // otherwise it may not be ready yet
			seen := v.scraped()
			v.wait("a scrape", func() bool { return v.scraped() > seen })
		}
		time.Sleep(time.Duration(random.IntN(700)) * time.Millisecond) // the random instant
		if i%5 == 2 {
			v.withoutState()
		}
		v.kill()
		if t.Failed() {
			t.Fatalf("kill %d", i+1)
		}
		if i%5 == 0 { // it must resume in a compressed log
			rotated := log.rotations.Load()
			v.wait("three rotations while it is down", func() bool { return log.rotations.Load() >= rotated+3 })
		}
		v.start()
	}
	close(stopWriting)
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	v.wait("the logs are read", func() bool {
		s := v.scrapeOnce()
		return s["smtp_reply_exporter_source_lines_total"] >= float64(log.lines) && s["smtp_reply_exporter_source_behind_bytes"] == 0
	})
	stopScraping()
	v.terminate()
	v.start()
	v.checkTruth(log.sessions, log.lines)
	if server != nil {
		server.checkTruth(log.sessions)
	}
	t.Logf("%d kills, %d rotations, %d sessions, %d lines, %d good scrapes, %d bad ones",
		kills, log.rotations.Load(), log.sessions, log.lines, v.scraped(), v.missed)
}

// A victim is an exporter that is killed and restarted, with the scrapes of it.
type victim struct {
	*testing.T
	dir, address string
	args         []string // name its configuration
	cmd          *exec.Cmd
	stderr       syncBuffer

	mu      sync.Mutex
	values  map[string]float64
	created map[string]time.Time
	lost    map[string]bool // values of a scrape that was not durable
	durable bool            // the last scrape
	good    int
	missed  int
}

// newVictim makes a directory for the victim's configuration and log. The log may have
// another directory.
func newVictim(t *testing.T, dir string) *victim {
	t.Helper()
	if dir == "" {
		dir = t.TempDir()
	}
	v := newVictimWith(t, "--config.file="+filepath.Join(dir, "config.yaml"))
	v.dir = dir
	config := "state: DIR/state\nsources:\n  - {name: mail, file: DIR/mail.log, mta: postfix, start: beginning}\n"
	if err := os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(strings.ReplaceAll(config, "DIR", dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	return v
}

// newVictimWith returns a victim with arguments.
func newVictimWith(t *testing.T, args ...string) *victim {
	t.Helper()
	v := &victim{T: t, address: freeAddress(t), args: args, values: map[string]float64{}, created: map[string]time.Time{}, lost: map[string]bool{}}
	t.Cleanup(func() {
		if v.cmd != nil {
			v.kill()
		}
		if t.Failed() {
			t.Logf("its log:\n%s", &v.stderr)
		}
	})
	return v
}

// freeAddress returns an address that stays free after its exporter is killed: its port
// is outside the range from which the kernel assigns ports to connections.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(10000))
		if listener, err := net.Listen("tcp", address); err == nil {
			listener.Close()
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}

func (v *victim) start() {
	v.Helper()
	v.cmd = command(v.T, append(v.args, "--web.listen-address="+v.address, "--log.level=warn")...)
	v.cmd.Stderr = &v.stderr
	if err := v.cmd.Start(); err != nil {
		v.Fatal(err)
	}
}

func (v *victim) kill() {
	_ = v.cmd.Process.Kill()
	_ = v.cmd.Wait() // always fails with "killed"
	v.cmd = nil
}

func (v *victim) terminate() {
	v.Helper()
	if err := v.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		v.Fatal(err)
	}
	if err := v.cmd.Wait(); err != nil {
		v.Errorf("terminated: %v", err)
	}
	v.cmd = nil
}

// withoutState makes the victim expose counts that it cannot make durable.
func (v *victim) withoutState() {
	v.Helper()
	rename := func(from, to string) {
		if err := os.Rename(filepath.Join(v.dir, from), filepath.Join(v.dir, to)); err != nil {
			v.Fatal(err)
		}
	}
	seen := v.scraped()
	v.wait("a durable scrape of this life", func() bool { return v.scraped() > seen && v.isDurable() })
	rename("state", "moved")
	v.wait("a scrape that is not durable", func() bool { return !v.isDurable() })
	rename("moved", "state")
}

func (v *victim) isDurable() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.durable
}

// wait waits until a condition holds.
func (v *victim) wait(what string, holds func() bool) {
	v.Helper()
	for deadline := time.Now().Add(60 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if v.Failed() {
			v.FailNow()
		}
		if time.Now().After(deadline) {
			v.Fatalf("not within 60 s: %s", what)
		}
	}
}

// scrapeRepeatedly scrapes until the returned function is called.
func (v *victim) scrapeRepeatedly(random *rand.Rand) (stop func()) {
	stopping, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stopping:
				return
			case <-time.After(time.Duration(50+random.IntN(150)) * time.Millisecond):
			}
			if _, err := v.scrape(); err != nil {
				v.mu.Lock()
				v.missed++
				v.mu.Unlock()
			}
		}
	}()
	return func() {
		close(stopping)
		<-done
	}
}

// scraped returns how many scrapes have been answered.
func (v *victim) scraped() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.good
}

// scrapeOnce scrapes until there is an answer.
func (v *victim) scrapeOnce() (sums map[string]float64) {
	v.Helper()
	v.wait("an answer", func() bool {
		var err error
		sums, err = v.scrape()
		return err == nil
	})
	return sums
}

// scrape scrapes as Prometheus does, compares each series with its last value, and
// returns the sums. It ignores an incomplete answer.
func (v *victim) scrape() (sums map[string]float64, err error) {
	request, err := http.NewRequestWithContext(v.Context(), http.MethodGet, "http://"+v.address+"/metrics", http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", string(expfmt.NewFormat(expfmt.TypeProtoDelim)))
	request.Header.Set("X-Prometheus-Scrape-Timeout-Seconds", "10")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, errors.New(response.Status)
	}
	var families []*dto.MetricFamily
	decoder := expfmt.NewDecoder(response.Body, expfmt.ResponseFormat(response.Header))
	for {
		family := &dto.MetricFamily{}
		err := decoder.Decode(family)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		families = append(families, family)
	}
	return v.take(families), nil
}

// take compares a scrape with the earlier ones and returns the sums of its families, by
// code if they have that label.
func (v *victim) take(families []*dto.MetricFamily) map[string]float64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.good++
	sums := map[string]float64{}
	for _, family := range families {
		if family.GetName() == "smtp_reply_exporter_state_durable" {
			v.durable = family.GetMetric()[0].GetGauge().GetValue() == 1
		}
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			series, code, ofSource := family.GetName(), "", false
			for _, label := range metric.GetLabel() {
				series += " " + label.GetName() + "=" + label.GetValue()
				ofSource = ofSource || label.GetName() == "source"
				if label.GetName() == "code" {
					code = " " + label.GetValue()
				}
			}
			value := metric.GetGauge().GetValue()
			if !ofSource { // of the process
				sums[family.GetName()] = value
				continue
			}
			if counter := metric.GetCounter(); counter != nil {
				value = counter.GetValue()
				v.compare(series, counter)
			}
			if value != 0 {
				sums[family.GetName()+code] += value
			}
		}
	}
	return sums
}

// compare checks that a counter has neither decreased nor changed its created
// timestamp. After a crash, new series of a scrape that was not durable may be younger,
// and rotations of that time may leave no trace: a log that was replaced twice looks like
// one that was replaced once.
func (v *victim) compare(series string, counter *dto.Counter) {
	value, created := counter.GetValue(), counter.GetCreatedTimestamp().AsTime()
	traceless := v.lost[series] && (strings.Contains(series, "_rotations_total") || strings.Contains(series, "_truncations_total"))
	if before := v.values[series]; value < before && !traceless {
		v.Errorf("%s went back from %v to %v", series, before, value)
	}
	v.values[series], v.lost[series] = value, !v.durable
	switch before, ok := v.created[series]; {
	case counter.GetCreatedTimestamp() == nil:
	case ok && !created.Equal(before):
		v.Errorf("%s was created at %v, now at %v", series, before, created)
	case v.durable:
		v.created[series] = created
	}
}

// checkTruth checks that the scraped counts equal the logged ones.
func (v *victim) checkTruth(sessions, lines int) {
	v.Helper()
	v.checkCounts(truth(sessions), lines)
}

func (v *victim) checkCounts(want map[string]float64, lines int) {
	v.Helper()
	sums := v.scrapeOnce()
	if got := sums["smtp_reply_exporter_source_lines_total"]; got != float64(lines) {
		v.Errorf("%v lines read, %d written", got, lines)
	}
	if got := sums["smtp_reply_exporter_source_lost_bytes_total"]; got > 0 {
		v.Errorf("%v bytes were lost", got)
	}
	if got := sums["smtp_reply_exporter_source_lost_files_total"]; got > 0 {
		v.Errorf("%v files were lost", got)
	}
	for name := range sums {
		if strings.HasPrefix(name, "smtp_reply_") || !strings.HasPrefix(name, "smtp_") {
			delete(sums, name)
		}
	}
	if diff := cmp.Diff(want, sums); diff != "" {
		v.Errorf("counts (-logged +scraped):\n%s", diff)
	}
}
