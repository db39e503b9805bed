package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// badFiles has the exact error of every file in testdata/bad. Each file has only the
// fault in its name. Package setup tests the faults that other packages find.
var badFiles = map[string]string{
	"alias_to_itself":              `config.yaml:1: sources[0]: want a mapping ("field: value" lines), not a list`,
	"duplicate_field":              `config.yaml:5: sources: already given on line 1; remove one of the two`,
	"duplicate_field_source":       `config.yaml:4: sources[0].file: already given on line 3; remove one of the two`,
	"duplicate_source_file":        `config.yaml:5: sources[1].file: "/var/log/mail.log" covers the same file as "/var/log/mail.log" of sources[0] on line 3; one file belongs to one source`,
	"duplicate_source_glob":        `config.yaml:5: sources[1].file: "/var/log/*.log" covers the same file as "/var/log/mail.log" of sources[0] on line 3; one file belongs to one source`,
	"duplicate_source_name":        `config.yaml:5: sources[1].name: "mail" is the name of sources[0] on line 2 too; give each source its own`,
	"empty_comments_only":          `config.yaml:1: the file is empty; name at least one log under sources`,
	"empty_document":               `config.yaml:1: sources: no source; name at least one log, or start without a configuration to follow the usual one`,
	"empty_file":                   `config.yaml:1: the file is empty; name at least one log under sources`,
	"empty_network":                `config.yaml:1: internal_networks[0]: empty; give it a value or remove it`,
	"empty_source":                 `config.yaml:4: sources[1]: empty; give it a value or remove it`,
	"empty_sources":                `config.yaml:2: sources: no source; name at least one log, or start without a configuration to follow the usual one`,
	"field_name_list":              `config.yaml:3: sources[0]: a field's name must be plain text`,
	"field_name_null":              `config.yaml:5: providers: a field's name must be plain text`,
	"glob":                         `config.yaml:3: sources[0].file: "/var/log/mail[.log" is not a valid glob; close the [ or write \[ for the character itself`,
	"missing_file":                 `config.yaml:2: sources[0].file: missing; name the log to follow, such as file: /var/log/mail.log`,
	"missing_name":                 `config.yaml:4: sources[1].name: missing; it is the label source of the metrics, such as name: mail`,
	"missing_sources":              `config.yaml:1: sources: no source; name at least one log, or start without a configuration to follow the usual one`,
	"mta":                          `config.yaml:6: sources[1].mta: "posfix" is not one of auto, cisco_esa, courier, dma, exchange, exim, haraka, hmailserver, kumomta, maddy, msmtp, opensmtpd, postfix, powermta, qmail, sendmail, or the mta of an item of formats`,
	"name":                         `config.yaml:2: sources[0].name: "my mail" is not a name; use 1 to 64 letters, digits, _, . and -`,
	"name_too_long":                `config.yaml:2: sources[0].name: "` + strings.Repeat("m", 65) + `" is not a name; use 1 to 64 letters, digits, _, . and -`,
	"network":                      `config.yaml:1: internal_networks[1]: "192.0.2.0/33" is not an address or a network such as 10.0.0.0/8 or 2001:db8::/32`,
	"network_host_bits":            `config.yaml:2: internal_networks[0]: "192.0.2.7/24" has bits beyond its prefix length; write 192.0.2.0/24 for the network or 192.0.2.7 for the one address`,
	"network_zone":                 `config.yaml:2: internal_networks[0]: "fe80::1%eth0" is not an address or a network such as 10.0.0.0/8 or 2001:db8::/32`,
	"not_utf8":                     `config.yaml:1: not UTF-8; save the file in this encoding`,
	"second_document":              `config.yaml:4: a second YAML document; put everything into the first`,
	"start":                        `config.yaml:4: sources[0].start: "begin" is not one of end, beginning`,
	"syntax_bracket":               `config.yaml:3: not valid YAML: did not find expected ',' or ']'; check indentation, quotes and brackets here and above`,
	"syntax_colon":                 `config.yaml:6: not valid YAML: mapping values are not allowed in this context; check indentation, quotes and brackets here and above`,
	"syntax_control_character":     `config.yaml:3: not valid YAML: control characters are not allowed; check indentation, quotes and brackets here and above`,
	"syntax_indentation":           `config.yaml:3: not valid YAML: did not find expected '-' indicator; check indentation, quotes and brackets here and above`,
	"syntax_quote":                 `config.yaml:3: not valid YAML: found unexpected end of stream; check indentation, quotes and brackets here and above`,
	"syntax_second_document":       `config.yaml:5: not valid YAML: did not find expected node content; check indentation, quotes and brackets here and above`,
	"syntax_tab":                   `config.yaml:2: not valid YAML: found character that cannot start any token; check indentation, quotes and brackets here and above`,
	"tag":                          "config.yaml:2: not valid YAML: cannot decode !!str `mail` as a !!int; check indentation, quotes and brackets here and above",
	"type_file":                    `config.yaml:1: want a mapping ("field: value" lines), not "/var/log/mail.log"`,
	"type_file_mapping":            `config.yaml:4: sources[0].file: want a single value, not a mapping`,
	"type_internal_networks_value": `config.yaml:4: internal_networks: want a list ("- value" lines, or [value, value]), not "10.0.0.0/8"`,
	"type_name_list":               `config.yaml:1: sources[0].name: want a single value, not a list`,
	"type_provider_value":          `config.yaml:5: providers.mycorp: want a list ("- value" lines, or [value, value]), not ".mail.mycorp.example"`,
	"type_source_value":            `config.yaml:2: sources[0]: want a mapping ("field: value" lines), not "/var/log/mail.log"`,
	"type_sources_mapping":         `config.yaml:2: sources: want a list ("- value" lines, or [value, value]), not a mapping`,
	"unknown_anchor":               `config.yaml:2: not valid YAML: unknown anchor 'mail' referenced; check indentation, quotes and brackets here and above`,
	"unknown_field":                `config.yaml:1: internal_network: unknown field; the fields here are state, internal_networks, sources, providers, reasons, formats`,
	"unknown_field_merge_key":      `config.yaml:5: sources[1].<<: unknown field; the fields here are name, file, journal, syslog, allow, stdin, mta, start, olddir, loss_notices, hosts, header, samples`,
	"unknown_field_reason":         `config.yaml:4: reasons[0].regexp: unknown field; the fields here are reason, pattern`,
	"unknown_field_source":         `config.yaml:5: sources[1].path: unknown field; the fields here are name, file, journal, syslog, allow, stdin, mta, start, olddir, loss_notices, hosts, header, samples`,
	"unknown_field_statefile":      `config.yaml:1: statefile: unknown field; the fields here are state, internal_networks, sources, providers, reasons, formats`,
	"two_kinds":                    `config.yaml:4: sources[0].syslog: a source has one of file, journal, syslog and stdin, but this one has file and syslog; make it two sources`,
	"allow_without_syslog":         `config.yaml:4: sources[0].allow: only for syslog; remove it`,
	"allow_network":                `config.yaml:4: sources[0].allow[0]: "192.0.2.0/33" is not an address or a network such as 10.0.0.0/8 or 2001:db8::/32`,
	"olddir_empty":                 `config.yaml:4: sources[0].olddir: empty; name the directory of the rotated logs or remove it`,
	"olddir_glob":                  `config.yaml:4: sources[0].olddir: "/srv/log/*/old" is not one directory`,
	"olddir_of_journal":            `config.yaml:4: sources[0].olddir: only for file; remove it`,
	"start_of_syslog":              `config.yaml:4: sources[0].start: only for file and journal; remove it`,
	"stdin_twice":                  `config.yaml:3: sources[1].stdin: sources[0] reads it already; give it to one source`,
	"stdin_text":                   `config.yaml:3: sources[0].stdin: want true or false, not "yes please"`,
	"journal_text":                 "config.yaml:3: sources[0].journal: want a mapping (\"field: value\" lines), not \"mail\"",
	"state_empty":                  `config.yaml:1: state: empty; name a file, or write "" to keep no state`,
	"loss_notices_glob":            `config.yaml:4: sources[0].loss_notices[0]: "/var/log/[a" is not a valid glob; close the [ or write \[ for the character itself`,
	"format_builtin":               `config.yaml:6: formats[0].mta: "exim" has a parser already; choose another name`,
	"format_direction":             `config.yaml:7: formats[0].direction: "inbound" is not one of sent, received`,
	"format_group":                 "config.yaml:8: formats[0].pattern: `(?P<code>\\d{3}) (?P<message>.*)`: group \"message\" is not one of code, enhanced_code, text, direction, remote, command, queue_id",
	"format_missing_mta":           `config.yaml:6: formats[0].mta: missing; it is the label mta of the metrics, and sources name it, such as mta: house_mta`,
	"format_missing_pattern":       `config.yaml:6: formats[0].pattern: missing; write the regular expression that the log's lines match, with a group (?P<code>...)`,
	"format_mta":                   `config.yaml:6: formats[0].mta: "house mta" is not a name; use 1 to 64 letters, digits, _, . and -`,
	"format_no_code":               "config.yaml:8: formats[0].pattern: `^reply (\\d{3})`: no group (?P<code>...) for the reply's three digits",
	"format_no_direction":          "config.yaml:7: formats[0].pattern: `^reply (?P<code>\\d{3})`: the direction must stand either beside the expression or in a group (?P<direction>...)",
	"format_no_sample_with_code":   `config.yaml:9: formats[0].samples: missing; give at least one line that the pattern matches, with the code that it shows`,
	"format_no_samples":            `config.yaml:6: formats[0].samples: missing; give at least one line that the pattern matches, with the code that it shows`,
	"format_pattern":               "config.yaml:8: formats[0].pattern: `^reply (?P<code>\\d{3}` is not a regular expression: missing closing ) at `^reply (?P<code>\\d{3}`",
	"format_sample_code":           `config.yaml:10: formats[0].samples[0].code: the patterns of house_mta read "452", not "451"`,
	"format_sample_matched":        `config.yaml:11: formats[0].samples[1].line: the patterns of house_mta read a reply 451 here; set code, or make the patterns stricter`,
	"format_sample_no_reply":       `config.yaml:10: formats[0].samples[0].line: a pattern of house_mta matches, but code must be three digits from 200 to 599, and direction sent or received`,
	"format_sample_not_matched":    `config.yaml:10: formats[0].samples[0].line: no pattern of house_mta matches it`,
	"format_sample_text":           `config.yaml:11: formats[0].samples[1].text: the patterns of house_mta read "452 full", not "452 4.3.1 full"`,
	"format_sample_without_line":   `config.yaml:10: formats[0].samples[0].line: missing; give a line of the log`,
	"format_unused_mta":            `config.yaml:4: sources[0].mta: "house_mta" is not one of auto, cisco_esa, courier, dma, exchange, exim, haraka, hmailserver, kumomta, maddy, msmtp, opensmtpd, postfix, powermta, qmail, sendmail, or the mta of an item of formats`,
	"header_group":                 "config.yaml:4: sources[0].header: `(?P<hostname>\\S+) (?P<message>.*)`: group \"hostname\" is not one of message, host, program, pid, time",
	"header_no_message":            "config.yaml:4: sources[0].header: `(?P<host>\\S+) .*`: no group (?P<message>...) for what the MTA logged",
	"header_of_journal":            "config.yaml:4: sources[0].header: not for journal, whose entries have fields for it; remove it",
	"header_pattern":               "config.yaml:4: sources[0].header: `(?P<host>\\S+ (?P<message>.*)` is not a regular expression: missing closing ) at `(?P<host>\\S+ (?P<message>.*)`",
	"header_sample_foreign":        "config.yaml:5: sources[0].samples: after the header, no line is an MTA's; give one that is, and let program match the syslog identifier, such as postfix/smtpd",
	"header_sample_host":           `config.yaml:7: sources[0].samples[0].host: the header reads "mx1", not "mx2"`,
	"header_sample_matched":        "config.yaml:8: sources[0].samples[1].line: the header matches it; set host, program, pid, time or message, or make the header stricter",
	"header_sample_no_line":        "config.yaml:6: sources[0].samples[0].line: missing; give a line of the log",
	"header_sample_not_matched":    "config.yaml:6: sources[0].samples[0].line: the header does not match it; it must match from the start of the line",
	"header_sample_time":           `config.yaml:7: sources[0].samples[0].time: the header reads "1795443383", not "2026-11-23T15:16:23Z"`,
	"header_sample_time_form":      "config.yaml:7: sources[0].samples[0].time: the header reads no time in a known form; let its group time match one such as 2026-11-23T14:16:23Z, Nov 23 14:16:23 or 1795443383",
	"header_samples_alone":         "config.yaml:4: sources[0].samples: only beside header; remove it",
	"header_without_samples":       "config.yaml:2: sources[0].samples: missing; give at least one line of the MTA that the header matches, with what it reads there, such as host",
	"hosts_empty":                  "config.yaml:4: sources[0].hosts: empty; list the hosts, such as [mx1, mx2], or write true for all",
	"hosts_many":                   "config.yaml:4: sources[0].hosts: 201 hosts are more than 200; list those to tell apart, all others become other",
	"hosts_name":                   `config.yaml:4: sources[0].hosts[1]: "mx 2" is not the name of a host; write it as the log does, without blanks`,
	"hosts_other":                  `config.yaml:6: sources[0].hosts[1]: "other" stands for all hosts that are not listed; remove it`,
	"hosts_text":                   `config.yaml:4: sources[0].hosts: want true, or a list of names such as [mx1, mx2], not "mx1"`,
	"hosts_twice":                  `config.yaml:6: sources[0].hosts[1]: "mx1" is given on line 5 too; remove one of the two`,
	"state_list":                   `config.yaml:1: state: want a single value, not a list`,
}

func TestParseBad(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(badFiles) {
		t.Errorf("testdata/bad has %d files, the table %d", len(files), len(badFiles))
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c, err := Parse("config.yaml", data)
			if err == nil {
				t.Fatalf("accepted as %+v", c)
			}
			if diff := cmp.Diff(badFiles[name], err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoad(t *testing.T) {
	for name, want := range map[string]*Config{
		"testdata/good/minimal.yaml": {
			State:   DefaultState,
			Sources: []Source{{Name: "mail", File: "/var/log/mail.log", MTA: "auto", Start: End}},
		},
		"testdata/good/full.yaml": {
			State: "/srv/smtp/state", StateNamed: true,
			InternalNetworks: []netip.Prefix{
				netip.MustParsePrefix("10.0.0.0/8"),
				netip.MustParsePrefix("192.0.2.7/32"),
				netip.MustParsePrefix("2001:db8::/32"),
				netip.MustParsePrefix("2001:db8::1/128"),
				netip.MustParsePrefix("198.51.100.0/24"),
			},
			Sources: []Source{
				{Name: "mail", File: "/var/log/mail.log", MTA: "postfix", Start: Beginning, OldDir: "old"},
				{Name: "relays-2.example", File: "logs/relay-*.log", MTA: "auto", Start: End},
			},
			Providers: map[string][]string{"mycorp": {".mail.mycorp.example", "mx.example"}},
			Reasons: []Reason{
				{Reason: "policy", Pattern: "my (house|local) rule"},
				{Reason: "greylisted", Pattern: "come back later"},
			},
		},
		"testdata/good/sources.yaml": {
			State: DefaultState,
			Sources: []Source{
				{Name: "journal", Journal: &Journal{}, MTA: "auto", Start: End},
				{Name: "unit", Journal: &Journal{Matches: []string{"_SYSTEMD_UNIT=postfix@-.service"}}, MTA: "auto", Start: Beginning},
				{
					Name: "relays", Syslog: "tcp://0.0.0.0:5514", Allow: []string{"192.0.2.0/24"}, MTA: "postfix", Start: End,
					AllowNetworks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
				},
				{Name: "pipe", Stdin: true, MTA: "auto", Start: End, LossNotices: []string{"/var/log/syslog"}},
			},
		},
		"testdata/good/central.yaml": {
			State: DefaultState,
			Sources: []Source{
				{
					Name: "central", File: "/var/log/central.log", MTA: "auto", Start: End,
					Hosts: []any{"mx1", "MX2.example"}, HostNames: []string{"mx1", "mx2.example"},
					Header: `\[(?P<time>[^]]*)\] (?P<host>\S+) (?P<program>\S+) (?P<message>.*)`,
					Samples: []HeaderSample{{
						Line: "[1795443383] mx1 postfix/smtpd connect from pc.src.example[192.0.2.7]",
						Host: "mx1", Program: "postfix/smtpd", Time: "2026-11-23T14:16:23Z", Message: "connect from pc.src.example[192.0.2.7]",
					}, {Line: "Nov 23 14:16:23 mx1 postfix/smtpd[12]: connect from pc.src.example[192.0.2.7]"}},
				},
				{Name: "pipe", Stdin: true, MTA: "auto", Start: End, Hosts: true, AllHosts: true},
				{Name: "off", File: "/var/log/off.log", MTA: "auto", Start: End, Hosts: false},
			},
		},
		"testdata/good/formats.yaml": {
			State: DefaultState,
			Sources: []Source{
				{Name: "house", File: "/var/log/house.log", MTA: "house_mta", Start: End},
				{Name: "pop", File: "/var/log/house-out.log", MTA: "house_mta", Start: End},
			},
			Formats: []Format{{
				MTA:     "house_mta",
				Pattern: `^\S+ (?P<direction>\w+) (?P<remote>\S+) answered (?P<command>\S+) with (?P<code>\d{3}) (?P<text>.*)`,
				Samples: []Sample{{
					Line: "14:16:23 received mx.dest.example[192.0.2.10] answered RCPT with 451 4.7.1 later",
					Code: "451", EnhancedCode: "4.7.1", Direction: "received", Command: "rcpt",
					Remote: "mx.dest.example[192.0.2.10]", Text: "451 4.7.1 later",
				}, {Line: "14:16:23 received mx.dest.example[192.0.2.10] closed"}},
			}},
		},
		"testdata/good/stateless.yaml": {
			StateNamed: true,
			Sources:    []Source{{Name: "mail", File: "/var/log/mail.log", MTA: "auto", Start: End}},
		},
		"testdata/good/aliases.yaml": {
			State: DefaultState,
			Sources: []Source{
				{Name: "mail", File: "/var/log/mail.log", MTA: "auto", Start: End, LossNotices: []string{"/var/log/syslog"}},
				{Name: "relay", File: "/var/log/relay.log", MTA: "auto", Start: End, LossNotices: []string{"/var/log/syslog"}},
			},
		},
		"../../config.example.yaml": {
			State: DefaultState, StateNamed: true,
			InternalNetworks: []netip.Prefix{
				netip.MustParsePrefix("192.0.2.0/24"),
				netip.MustParsePrefix("2001:db8::25/128"),
			},
			Sources: []Source{{
				Name: "mail", File: "/var/log/mail.log", MTA: "auto", Start: End, OldDir: "/var/log/old", LossNotices: []string{"/var/log/syslog"},
			}},
			Providers: map[string][]string{"mycorp": {".mail.mycorp.example"}},
			Reasons:   []Reason{{Reason: "policy", Pattern: "my (house|local) rule"}},
			Formats: []Format{{
				MTA: "house_mta", Direction: "sent",
				Pattern: `^\S+ \S+ \[SMTP\] to (?P<remote>\S+) (?P<command>[A-Z]+): (?P<code>\d{3}) (?P<text>.*)`,
				Samples: []Sample{{
					Line: "2026-11-23 14:16:23 [SMTP] to 192.0.2.7 RCPT: 451 4.7.1 Come back later",
					Code: "451", EnhancedCode: "4.7.1", Command: "rcpt",
				}, {Line: "2026-11-23 14:16:23 [SMTP] 192.0.2.7 closed"}},
			}},
		},
	} {
		t.Run(filepath.Base(name), func(t *testing.T) {
			got, err := Load(name)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Prefix{}), cmpopts.IgnoreUnexported(Config{})); diff != "" {
				t.Errorf("config (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseEncoding(t *testing.T) {
	const text = "sources:\n  - name: mail\n    file: /var/log/mail.log\n"
	for name, data := range map[string]string{
		"byte order mark": "\ufeff" + text,
		"CRLF":            strings.ReplaceAll(text, "\n", "\r\n"),
		"no newline":      strings.TrimSuffix(text, "\n"),
	} {
		t.Run(name, func(t *testing.T) {
			c, err := Parse("config.yaml", []byte(data))
			if err != nil {
				t.Fatal(err)
			}
			want := []Source{{Name: "mail", File: "/var/log/mail.log", MTA: "auto", Start: End}}
			if diff := cmp.Diff(want, c.Sources); diff != "" {
				t.Errorf("sources (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoadUnreadable(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "config.yaml")
	for path, fault := range map[string]string{
		missing: "no such file or directory",
		dir:     "is a directory",
	} {
		t.Run(fault, func(t *testing.T) {
			_, err := Load(path)
			want := path + ": " + fault + "; name a file that the exporter's user may read with --config.file"
			if err == nil || err.Error() != want {
				t.Errorf("error %v, want %s", err, want)
			}
		})
	}
}

func TestErrorf(t *testing.T) {
	c, err := Load("testdata/good/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]string{
		"reasons[1].reason":   "testdata/good/full.yaml:15: reasons[1].reason: wrong",
		"reasons[1].provider": "testdata/good/full.yaml:15: reasons[1].provider: wrong",
		"providers.mycorp[1]": "testdata/good/full.yaml:12: providers.mycorp[1]: wrong",
		"providers.other":     "testdata/good/full.yaml:11: providers.other: wrong",
		"listen":              "testdata/good/full.yaml:1: listen: wrong",
	} {
		if got := c.Errorf(field, "wrong").Error(); got != want {
			t.Errorf("error %q, want %q", got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*.yaml", "testdata/good/*.yaml", "../setup/testdata/bad/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("config.yaml", data)
		if err == nil {
			if len(c.Sources) == 0 {
				t.Error("accepted without a source")
			}
			return
		}
		if !strings.HasPrefix(err.Error(), "config.yaml:") {
			t.Errorf("error without the file's name: %v", err)
		}
		for _, word := range []string{"yaml: ", "unmarshal", "config.document", "config.Source", "config.Reason"} {
			if strings.Contains(err.Error(), word) && !strings.Contains(string(data), word) {
				t.Errorf("error in the decoder's words: %v", err)
			}
		}
	})
}
