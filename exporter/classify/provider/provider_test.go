package provider

import (
	"slices"
	"strings"
	"testing"
)

func TestOf(t *testing.T) {
	table, err := New(map[string][]string{
		"mycorp": {".Mail.MyCorp.example", "mx.mycorp.example"},
		"campus": {".l.google.com"},
	})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ host, want string }{
		{"aspmx2.googlemail.com", "google"},
		{"MX.GOOGLE.COM", "google"},
		{"mx.google.com.", "google"},
		{"mx.google.com..", Other},
		{"google.com.example", Other},
		{"notgoogle.com", Other},
		{"google.com", Other},
		{".google.com", Other},
		{"contoso-example.mail.protection.outlook.com", "microsoft"},
		{"contoso-example.n-v1.mx.microsoft", "microsoft"},
		{"contoso-example.mail.protection.partner.outlook.cn", "microsoft"},
		{"contoso-example.mail.protection.office365.us", "microsoft"},
		{"contoso-example.mail.protection.outlook.de", "microsoft"},
		{"smtp.office365.com", "microsoft"},
		{"hotmail-com.olc.protection.outlook.com", "outlook_consumer"},
		{"mta5.am0.yahoodns.net", "yahoo"},
		{"mx2.mail.yahoo.co.jp", "yahoo_jp"},
		{"msmx.au.com", "kddi"},
		{"x.msmx.au.com", Other},
		{"cxr.mx.a.cloudfilter.net", "cloudfilter"},
		{"inbound-smtp.eu-west-1.amazonaws.com", "amazon_ses"},
		{"ec2-192-0-2-7.eu-west-1.compute.amazonaws.com", Other},
		{"mx.mycorp.example", "mycorp"},
		{"a.b.mail.mycorp.example", "mycorp"},
		{"mail.mycorp.example", Other},
		{"aspmx.l.google.com", "campus"},
		{"", Other},
		{".", Other},
		{"192.0.2.1", Other},
		{"[192.0.2.1]", Other},
		{strings.Repeat("a.", 200) + "google.com", Other},
	}
	for _, tt := range tests {
		t.Run(tt.host, func(t *testing.T) {
			if got := table.Of([]byte(tt.host)); got != tt.want {
				t.Errorf("Of(%q) = %q, want %q", tt.host, got, tt.want)
			}
		})
	}
	host := []byte("contoso-example.mail.protection.outlook.com")
	if n := testing.AllocsPerRun(100, func() { table.Of(host) }); n != 0 {
		t.Errorf("Of allocates %v times", n)
	}
}

func TestNewErrors(t *testing.T) {
	tests := []struct {
		name   string
		custom map[string][]string
		want   string
	}{
		{"name", map[string][]string{"My-Corp": {".x.example"}}, `provider "My-Corp": "My-Corp" is not a name; use lower-case letters, digits and _, beginning with a letter`},
		{"no suffix", map[string][]string{"mycorp": nil}, `provider "mycorp": missing; list the suffixes of its MX host names, such as [.mx.example]`},
		{"one label", map[string][]string{"mycorp": {".example"}}, `provider "mycorp": ".example" is not a host name; write a suffix such as .mail.mycorp.example or a whole name such as mx.mycorp.example`},
		{"wildcard", map[string][]string{"mycorp": {"*.x.example"}}, `provider "mycorp": "*.x.example" is not a host name; write a suffix such as .mail.mycorp.example or a whole name such as mx.mycorp.example`},
		{"two owners", map[string][]string{"a": {".x.example"}, "b": {".X.example"}}, `provider "b": ".X.example" belongs to a already; list it once`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := New(tt.custom); err == nil || err.Error() != tt.want {
				t.Errorf("got error %v, want %s", err, tt.want)
			}
		})
	}
}

// TestBuiltin checks the built-in table as New checks a custom one.
func TestBuiltin(t *testing.T) {
	owner := make(map[string]string)
	for label, suffixes := range rows() {
		if !name.MatchString(label) || len(suffixes) == 0 {
			t.Errorf("bad row %q", label)
		}
		for _, s := range suffixes {
			if !suffix.MatchString(s) {
				t.Errorf("%s: bad suffix %q", label, s)
			}
			if owner[s] != "" {
				t.Errorf("%q stands in %s and in %s", s, owner[s], label)
			}
			owner[s] = label
		}
	}
	names := Names()
	if names[0] != "google" || names[len(names)-1] != Other || slices.Index(names, Other) != len(names)-1 {
		t.Errorf("Names() = %v", names)
	}
}

func FuzzOf(f *testing.F) {
	table, err := New(nil)
	if err != nil {
		f.Fatal(err)
	}
	names := Names()
	for _, host := range []string{"mx.google.com.", "google.com.example", "..", "\xff.google.com"} {
		f.Add(host)
	}
	f.Fuzz(func(t *testing.T, host string) {
		if label := table.Of([]byte(host)); !slices.Contains(names, label) {
			t.Errorf("Of(%q) = %q", host, label)
		}
	})
}

func BenchmarkOf(b *testing.B) {
	table, err := New(nil)
	if err != nil {
		b.Fatal(err)
	}
	host := []byte("contoso-example.mail.protection.outlook.com")
	b.ReportAllocs()
	b.SetBytes(int64(len(host)))
	for b.Loop() {
		table.Of(host)
	}
}
