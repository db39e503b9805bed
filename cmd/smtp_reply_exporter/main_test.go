package main

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kingpin/v2"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// asCommand makes the test binary behave as the command.
const asCommand = "SMTP_REPLY_EXPORTER_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// command returns the command with arguments, as a separate process.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), asCommand+"=1")
	return cmd
}

// run runs a command in this process and returns what parse and explain print.
func run(t *testing.T, args ...string) (stdout string, err error) {
	t.Helper()
	var out strings.Builder
	app := kingpin.New(name, "")
	commands := map[string]func() error{}
	addServe(app, commands, func() *slog.Logger { return slog.New(slog.DiscardHandler) })
	addParse(app, commands, &out)
	addExplain(app, commands, &out)
	command, err := app.Parse(args)
	if err != nil {
		t.Fatal(err)
	}
	err = commands[command]()
	return out.String(), err
}

// golden compares got with a file of testdata.
func golden(t *testing.T, file, got string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// Every command with a configuration file refuses a bad one with the same error.
func TestConfigErrors(t *testing.T) {
	var files []string
	for _, owner := range []string{"config", "setup"} {
		bad, err := filepath.Glob("../../exporter/" + owner + "/testdata/bad/*.yaml")
		if err != nil || len(bad) == 0 {
			t.Fatalf("%d bad files of %s, error %v", len(bad), owner, err)
		}
		files = append(files, bad...)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			flag := "--config.file=" + file
			_, want := run(t, "serve", "--config.check", flag)
			if want == nil || !strings.HasPrefix(want.Error(), file+":") {
				t.Fatalf("--config.check: error %v, want one that begins with the file and the line", want)
			}
			for _, args := range [][]string{{"serve", flag}, {"parse", flag, "testdata/mail.log"}} {
				if _, err := run(t, args...); err == nil || err.Error() != want.Error() {
					t.Errorf("%s: error %v, want that of --config.check: %v", args[0], err, want)
				}
			}
		})
	}
}

func TestExitStatus(t *testing.T) {
	for _, tt := range []struct {
		name   string
		args   []string
		status int
		stderr string
	}{
		{"good", []string{"explain", "451"}, 0, ""},
		{"error", []string{"parse", "nosuch.log"}, 1, "smtp_reply_exporter: open nosuch.log: no such file or directory\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd := command(t, tt.args...)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			err := cmd.Run()
			if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if got := cmd.ProcessState.ExitCode(); got != tt.status || stderr.String() != tt.stderr {
				t.Errorf("exit status %d, stderr %q; want %d, %q", got, &stderr, tt.status, tt.stderr)
			}
		})
	}
}

func TestParseStdin(t *testing.T) {
	log, err := os.ReadFile("testdata/mail.log")
	if err != nil {
		t.Fatal(err)
	}
	want, err := run(t, "parse", "--output=json", "testdata/mail.log")
	if err != nil {
		t.Fatal(err)
	}
	cmd := command(t, "parse", "--output=json", "-")
	cmd.Stdin = bytes.NewReader(log)
	got, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	want = strings.ReplaceAll(want, `"file":"testdata/mail.log"`, `"file":"-"`)
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-file +stdin):\n%s", diff)
	}
}

// A reader such as head may exit before the end of the output.
func TestBrokenPipeIsQuiet(t *testing.T) {
	log, err := os.ReadFile("testdata/mail.log")
	if err != nil {
		t.Fatal(err)
	}
	cmd := command(t, "parse", "--output=json", "-")
	var stderr bytes.Buffer
	cmd.Stdin = bytes.NewReader(bytes.Repeat(log, 1000))
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(stdout, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	stdout.Close()
	if err := cmd.Wait(); err == nil {
		t.Error("the whole output found room in a pipe that nobody reads")
	}
	if stderr.Len() > 0 {
		t.Errorf("stderr: %q", &stderr)
	}
}
