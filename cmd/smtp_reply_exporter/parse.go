package main

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
	_ "time/tzdata" // --timezone works without the host's own zones

	"github.com/alecthomas/kingpin/v2"

	"smtp_reply_exporter/exporter/classify"
	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/exporter/setup"
	"smtp_reply_exporter/exporter/source"
	"smtp_reply_exporter/exporter/source/follow"
	"smtp_reply_exporter/logparse"
)

// A position is the place of a line.
type position struct {
	file string
	line int // from 1
}

// A parseCommand holds the flags of parse.
type parseCommand struct {
	files                               *[]string
	mta, year, zone, output, configFile *string
	history                             historyFlags
	stdout                              io.Writer
}

const stdin = "-"

func addParse(app *kingpin.Application, commands map[string]func() error, stdout io.Writer) {
	cmd := app.Command("parse", "Read log files once and print the replies in them.")
	mtas := append([]string{config.Auto}, logparse.MTAs()...)
	p := &parseCommand{
		files: cmd.Arg("file", "Log files, oldest first, which openmetrics finds out by itself; - for standard input. Files compressed with bzip2, gzip, xz or zstd are decompressed, whatever their names. Without a file, parse reads what serve would follow.").Strings(),
		mta: cmd.Flag("mta", "MTA that wrote the logs: "+strings.Join(mtas, ", ")+", or the mta of a format in the configuration.").
			Default(config.Auto).String(),
		year: cmd.Flag("year", "Year of times without a year. By default, this year; for openmetrics, what follows from when each file was last written to.").String(),
		zone: cmd.Flag("timezone", "Time zone of times without a zone, such as UTC or Europe/Berlin.").Default("Local").String(),
		output: cmd.Flag("output", "Output format: summary prints tables; json prints an object for each reply that a line shows; openmetrics prints samples with timestamps for promtool tsdb create-blocks-from.").
			Default("summary").Enum("summary", "json", "openmetrics"),
		configFile: cmd.Flag("config.file", "Configuration file, for its networks, providers, reasons and formats, and for the MTA and header of the source that a file belongs to.").String(),
		history:    addHistoryFlags(cmd),
		stdout:     stdout,
	}
	commands[cmd.FullCommand()] = p.run
}

func (p *parseCommand) run() error {
	location, err := time.LoadLocation(*p.zone)
	if err != nil {
		return fmt.Errorf("--timezone: %w; use Local, UTC or a name such as Europe/Berlin", err)
	}
	year := 0 // not given
	if *p.year != "" {
		at, err := time.Parse("2006", *p.year)
		if err != nil {
			return fmt.Errorf("--year: %q is not a year; use four digits", *p.year)
		}
		year = at.Year()
	}
	if err := p.history.check(*p.output); err != nil {
		return err
	}
	cfg, classifier, files, err := p.load()
	if err != nil {
		return err
	}
	if err := cfg.CheckMTA(*p.mta); err != nil {
		return fmt.Errorf("--mta: %w", err)
	}
	in := logReader{parserOf: p.parsers(cfg), classifier: classifier, watched: isTerminal(os.Stderr)}
	if err := p.report(&in, cfg, files, year, location); err != nil {
		return err
	}
	return cmp.Or(in.warn(), errors.Join(in.failed...), in.unread.err())
}

// report reads files and prints what is in them. The year is 0 if it is not known.
func (p *parseCommand) report(in *logReader, cfg *config.Config, files []string, year int, zone *time.Location) error {
	out := bufio.NewWriterSize(p.stdout, 1<<16)
	if *p.output == "summary" {
		s := newSummary()
		in.report = s
		if err := in.readAll(files); err != nil {
			return err
		}
		s.print(out)
		return out.Flush()
	}
	in.watched = in.watched && !isTerminal(os.Stdout) // the bar would appear among the objects
	if *p.output == "json" {
		w := newJSONWriter(out, cmp.Or(year, time.Now().Year()), zone)
		in.report = w
		if err := cmp.Or(in.readAll(files), out.Flush()); err != nil {
			return err
		}
		w.notUnderstood.print(os.Stderr)
		return nil
	}
	h, err := p.readHistory(in, cfg, files, out, year, zone)
	if err != nil {
		return errors.Join(append(in.failed, err)...)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	h.print(os.Stderr)
	return nil
}

// load loads the configuration. It returns the files to read, which are those that serve
// would follow if none is named.
func (p *parseCommand) load() (cfg *config.Config, classifier *classify.Classifier, files []string, err error) {
	if len(*p.files) > 0 {
		for _, file := range *p.files {
			files = append(files, cmp.Or(file, stdin)) // kingpin passes "-" as ""
		}
		cfg, classifier, err = loadNamed(*p.configFile)
		return cfg, classifier, files, err
	}
	if cfg, classifier, err = (&server{configFile: p.configFile}).load(); err == nil {
		files, err = followedFiles(cfg.Sources)
	}
	return cfg, classifier, files, err
}

// loadNamed loads a configuration file. Without one, it returns the defaults without a
// source.
func loadNamed(file string) (*config.Config, *classify.Classifier, error) {
	if file != "" {
		return setup.Load(file)
	}
	cfg := &config.Config{}
	classifier, err := classify.New(cfg)
	return cfg, classifier, err
}

// followedFiles returns the files that sources follow now, and says which on stderr.
func followedFiles(sources []config.Source) ([]string, error) {
	var files []string
	for _, s := range sources {
		found, _ := filepath.Glob(s.File) // a pattern that is not valid was refused at load
		files = append(files, found...)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no log file to read: this host logs to %s; name a file, or - for standard input: journalctl --facility=mail | %s parse -", &sources[0], name)
	}
	fmt.Fprintf(os.Stderr, "%s: reading %s\n", name, strings.Join(files, " "))
	return files, nil
}

// A report collects or prints the results of lines.
type report interface {
	// line takes the result of a line and the labels of each of its events. It does
	// not keep the result's memory.
	line(at position, r *logparse.Result, labels []classify.Labels) error
}

// A logReader reads files as parts of one log.
type logReader struct {
	parserOf   func(file string) *logparse.Parser
	parser     *logparse.Parser // of the file
	classifier *classify.Classifier
	report     report
	watched    bool // stderr is a terminal, so it shows progress there
	labels     []classify.Labels
	overlong   int     // lines past source.MaxLine
	failed     []error // about files that could not be read to their ends
	unread     unread
}

// warn says on stderr how many lines were not parsed to their end.
func (r *logReader) warn() error {
	if r.overlong == 0 {
		return nil
	}
	_, err := fmt.Fprintf(os.Stderr, "%s: lines longer than %d bytes: %d; only their beginnings were parsed\n", name, source.MaxLine, r.overlong)
	return err
}

// readAll reads files. It goes on after one that cannot be read. The error is that of the
// report.
func (r *logReader) readAll(files []string) error {
	for _, file := range files {
		f, size, err := openLog(file)
		if err != nil {
			r.failed = append(r.failed, err)
			continue
		}
		err = r.readFile(file, f, size)
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// readFile reads f from its beginning to its end, including a last line without a newline.
// The error is that of the report.
func (r *logReader) readFile(name string, f io.Reader, size int64) error {
	if r.watched {
		p := newProgress(os.Stderr, f, name, size)
		defer p.clear()
		f = p
	}
	text, err := follow.Decompress(f)
	if err != nil {
		r.failed = append(r.failed, fmt.Errorf("%s: %w", name, err))
		return nil
	}
	r.parser = r.parserOf(name)
	lines := bufio.NewReaderSize(text, source.MaxLine+1)
	for at := (position{name, 1}); ; at.line++ {
		line, overlong, err := readLine(lines)
		if overlong {
			r.overlong++
		}
		last := errors.Is(err, io.EOF)
		if err != nil && !last {
			r.failed = append(r.failed, fmt.Errorf("%s: cannot be read from line %d on: %w", name, at.line, err))
			return nil
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
	result, more := r.parser.Parse(line), true
	for ; more; result, more = r.parser.Next() {
		r.labels = r.labels[:0]
		for i := range result.Events {
			r.labels = append(r.labels, r.classifier.Labels(result.Program, &result.Events[i]))
		}
		r.unread.line(at, line, &result)
		if err := r.report.line(at, &result, r.labels); err != nil {
			return err
		}
	}
	return nil
}

// readLine returns the next line without its newline. An overlong line, which fills in's
// buffer without its newline, is truncated to one byte less. The line is valid until the next call.
// The error of the last line is io.EOF; that line is empty if the text ends with a
// newline.
func readLine(in *bufio.Reader) (line []byte, overlong bool, err error) {
	line, err = in.ReadSlice('\n')
	overlong = errors.Is(err, bufio.ErrBufferFull)
	if overlong {
		line = bytes.Clone(line[:len(line)-1])
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = in.ReadSlice('\n')
		}
	}
	return bytes.TrimSuffix(line, []byte("\n")), overlong, err
}

// openLog opens a file, or standard input for "-". It returns the size in bytes, 0 if it
// is unknown.
func openLog(name string) (io.ReadCloser, int64, error) {
	if name == stdin {
		return io.NopCloser(os.Stdin), 0, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a directory; name its log files", name)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}
