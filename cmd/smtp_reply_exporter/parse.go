package main

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
	_ "time/tzdata" // --timezone works without the host's own zones

	"github.com/alecthomas/kingpin/v2"
	"github.com/klauspost/compress/zstd"

	"smtp_reply_exporter/exporter/classify"
	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/exporter/source"
	"smtp_reply_exporter/logparse"
)

// A position is where a line stands.
type position struct {
	file string
	line int // from 1
}

func addParse(app *kingpin.Application, commands map[string]func() error, stdout io.Writer) {
	cmd := app.Command("parse", "Read log files once and print what they tell.")
	files := cmd.Arg("file", "Log file, maybe compressed (.gz, .zst); - for standard input. Parts of one log: the oldest first.").Required().Strings()
	mtas := append([]string{config.Auto}, logparse.MTAs()...)
	mta := cmd.Flag("mta", "The MTA that wrote the logs: "+strings.Join(mtas, ", ")+", or one that the configuration has a format for.").
		Default(config.Auto).String()
	year := cmd.Flag("year", "Year of times that are logged without one.").Default(time.Now().Format("2006")).String()
	zone := cmd.Flag("timezone", "Time zone of times that are logged without one, such as UTC or Europe/Berlin.").Default("Local").String()
	output := cmd.Flag("output", "summary for people, json for programs: an object for each reply that a line shows.").
		Default("summary").Enum("summary", "json")
	configFile := cmd.Flag("config.file", "Configuration file with own networks, providers, reasons and formats.").String()
	commands[cmd.FullCommand()] = func() error {
		location, err := time.LoadLocation(*zone)
		if err != nil {
			return fmt.Errorf("--timezone: %w; use Local, UTC or a name such as Europe/Berlin", err)
		}
		inYear, err := time.Parse("2006", *year)
		if err != nil {
			return fmt.Errorf("--year: %q is no year; use four digits", *year)
		}
		cfg := &config.Config{}
		if *configFile != "" {
			if cfg, err = config.Load(*configFile); err != nil {
				return err
			}
		}
		if err := cfg.CheckMTA(*mta); err != nil {
			return fmt.Errorf("--mta: %w", err)
		}
		classifier, err := classify.New(cfg)
		if err != nil {
			return err
		}
		out := bufio.NewWriterSize(stdout, 1<<16)
		in := logReader{parser: cfg.NewParser(*mta), classifier: classifier, watched: isTerminal(os.Stderr)}
		if *output == "json" {
			in.watched = in.watched && !isTerminal(os.Stdout) // where the bar would be among the objects
			in.report = newJSONWriter(out, inYear.Year(), location)
			return cmp.Or(in.readAll(*files), out.Flush())
		}
		s := newSummary()
		in.report = s
		if err := in.readAll(*files); err != nil {
			return err
		}
		s.print(out)
		return out.Flush()
	}
}

// A report takes what lines told.
type report interface {
	// line takes one line, with the labels of each of its events. It keeps
	// nothing of the result's memory.
	line(at position, r *logparse.Result, labels []classify.Labels) error
}

// A logReader reads files as one log that goes on from each to the next.
type logReader struct {
	parser     *logparse.Parser
	classifier *classify.Classifier
	report     report
	watched    bool // somebody sees the progress on stderr
	labels     []classify.Labels
}

func (r *logReader) readAll(files []string) error {
	for _, file := range files {
		if err := r.readFile(file); err != nil {
			return err
		}
	}
	return nil
}

// readFile reads a file from its beginning to its end. A last line without an
// end counts as one.
func (r *logReader) readFile(name string) error {
	if name == "" {
		name = "-" // kingpin's reading of it
	}
	f, size, err := openLog(name)
	if err != nil {
		return err
	}
	defer f.Close()
	var in io.Reader = f
	if r.watched {
		p := newProgress(os.Stderr, in, name, size)
		defer p.clear()
		in = p
	}
	content, err := decompress(name, in)
	if err != nil {
		return fmt.Errorf("%s: not compressed as its name says: %w", name, err)
	}
	defer content.Close()
	lines := bufio.NewReaderSize(content, source.MaxLine)
	for at := (position{name, 1}); ; at.line++ {
		line, err := readLine(lines)
		last := errors.Is(err, io.EOF)
		if err != nil && !last {
			return fmt.Errorf("%s: not readable from line %d on: %w", name, at.line, err)
		}
		if !last || len(line) > 0 {
			if err := r.parseLine(at, line); err != nil {
				return err
			}
		}
		if last {
			return nil
		}
	}
}

func (r *logReader) parseLine(at position, line []byte) error {
	result := r.parser.Parse(line)
	r.labels = r.labels[:0]
	for i := range result.Events {
		r.labels = append(r.labels, r.classifier.Labels(&result.Events[i]))
	}
	return r.report.line(at, &result, r.labels)
}

// readLine returns the next line without its end, and of one that is longer
// than the buffer only what fits. The line holds until the next call. The error
// is io.EOF for the last line, which is empty if the text ends with \n.
func readLine(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		line = bytes.Clone(line)
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = in.ReadSlice('\n')
		}
	}
	return bytes.TrimSuffix(line, []byte("\n")), err
}

// openLog opens a file and returns its size, 0 where it is not known.
func openLog(name string) (io.ReadCloser, int64, error) {
	if name == "-" {
		return io.NopCloser(os.Stdin), 0, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a directory: name its log files", name)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// decompress reads .gz and .zst files by their names.
func decompress(name string, r io.Reader) (io.ReadCloser, error) {
	switch filepath.Ext(name) {
	case ".gz":
		return gzip.NewReader(r)
	case ".zst":
		// Without goroutines of its own.
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	}
	return io.NopCloser(r), nil
}
