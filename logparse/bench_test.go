package logparse_test

import (
	"bufio"
	"bytes"
	"testing"

	"smtp_reply_exporter/logparse"
)

// BenchmarkParser parses the logs of the corpus. BenchmarkScanner only finds the
// line ends in the same bytes, for comparison.
func BenchmarkParser(b *testing.B) {
	benchmarkLogs(b, func() func(line []byte) {
		p := logparse.NewParser()
		return func(line []byte) { p.Parse(line) }
	})
}

func BenchmarkScanner(b *testing.B) {
	benchmarkLogs(b, func() func([]byte) { return func([]byte) {} })
}

func benchmarkLogs(b *testing.B, reader func() func(line []byte)) {
	for _, name := range logNames(b) {
		b.Run(name, func(b *testing.B) {
			log := readLog(b, name)
			read := reader()
			buffer := make([]byte, 0, 64<<10)
			n := 0
			scan := func() {
				s := bufio.NewScanner(bytes.NewReader(log)) // the only allocation of each run
				s.Buffer(buffer, 1<<20)
				for s.Scan() {
					read(s.Bytes())
					n++
				}
			}
			scan() // fills the tables
			n = 0
			b.SetBytes(int64(len(log)))
			b.ReportAllocs()
			for b.Loop() {
				scan()
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}
