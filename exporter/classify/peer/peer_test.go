package peer

import (
	"net/netip"
	"slices"
	"testing"
)

func newClassifier() *Classifier {
	return New(
		[]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:1::/48")},
		[]netip.Addr{
			netip.MustParseAddr("192.0.2.25"),
			netip.MustParseAddr("::ffff:192.0.2.26"),
			netip.MustParseAddr("2001:db8::25"),
			netip.MustParseAddr("fe80::25%eth0"),
		},
	)
}

var cases = map[string]struct {
	addr          string
	authenticated bool
	want          string
}{
	"ipv4":                            {addr: "198.51.100.7", want: External},
	"ipv6":                            {addr: "2001:db8:2::7", want: External},
	"ipv6 with tag":                   {addr: "IPv6:2001:db8:2::7", want: External},
	"ipv4-mapped":                     {addr: "::ffff:198.51.100.7", want: External},
	"link-local":                      {addr: "fe80::7%eth0", want: External},
	"unspecified":                     {addr: "0.0.0.0", want: External},
	"none":                            {addr: "", want: External},
	"unknown":                         {addr: "unknown", want: External},
	"host name":                       {addr: "localhost", want: External},
	"tag only":                        {addr: "IPv6:", want: External},
	"zone only":                       {addr: "%eth0", want: External},
	"loopback ipv4":                   {addr: "127.0.0.1", want: Internal},
	"loopback ipv4, other":            {addr: "127.8.0.1", want: Internal},
	"loopback ipv6":                   {addr: "::1", want: Internal},
	"loopback ipv6 with tag":          {addr: "IPv6:::1", want: Internal},
	"loopback ipv6 with lower tag":    {addr: "ipv6:::1", want: Internal},
	"loopback ipv4-mapped":            {addr: "::ffff:127.0.0.1", want: Internal},
	"loopback ipv4-mapped with tag":   {addr: "IPv6:::ffff:127.0.0.1", want: Internal},
	"unix socket":                     {addr: "/run/dovecot/lmtp", want: Internal},
	"unix socket, relative":           {addr: "private/dovecot-lmtp", want: Internal},
	"own ipv4":                        {addr: "192.0.2.25", want: Internal},
	"own ipv4, given as mapped":       {addr: "192.0.2.26", want: Internal},
	"own ipv4, logged as mapped":      {addr: "::ffff:192.0.2.25", want: Internal},
	"own ipv6":                        {addr: "2001:db8::25", want: Internal},
	"own ipv6, long form":             {addr: "2001:0DB8:0:0:0:0:0:25", want: Internal},
	"own link-local with zone":        {addr: "fe80::25%eth1", want: Internal},
	"beside own":                      {addr: "192.0.2.27", want: External},
	"internal ipv4":                   {addr: "10.1.2.3", want: Internal},
	"internal ipv4-mapped":            {addr: "::ffff:10.1.2.3", want: Internal},
	"internal ipv6":                   {addr: "2001:db8:1::7", want: Internal},
	"internal ipv6 with zone":         {addr: "2001:db8:1::7%eth0", want: Internal},
	"authenticated":                   {addr: "198.51.100.7", authenticated: true, want: Authenticated},
	"authenticated, internal network": {addr: "10.1.2.3", authenticated: true, want: Authenticated},
	"authenticated, unknown":          {addr: "unknown", authenticated: true, want: Authenticated},
}

func TestOf(t *testing.T) {
	c := newClassifier()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := c.Of([]byte(tc.addr), tc.authenticated); got != tc.want {
				t.Errorf("Of(%q, %t) = %s, want %s", tc.addr, tc.authenticated, got, tc.want)
			}
		})
	}
}

func TestOfAllocatesNothing(t *testing.T) {
	c := newClassifier()
	for _, name := range []string{"ipv4", "ipv6 with tag", "link-local", "unknown", "unix socket", "own ipv4, logged as mapped", "internal ipv6", "authenticated"} {
		t.Run(name, func(t *testing.T) {
			addr := []byte(cases[name].addr)
			if n := testing.AllocsPerRun(100, func() { c.Of(addr, cases[name].authenticated) }); n != 0 {
				t.Errorf("%v allocations, want 0", n)
			}
		})
	}
}

func TestOwnAddresses(t *testing.T) {
	own, err := OwnAddresses()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(own, netip.Addr.IsLoopback) {
		t.Errorf("own addresses %v lack loopback", own)
	}
}

func FuzzOf(f *testing.F) {
	for _, tc := range cases {
		f.Add([]byte(tc.addr))
	}
	c := newClassifier()
	f.Fuzz(func(t *testing.T, addr []byte) {
		before := string(addr)
		if got := c.Of(addr, false); got != External && got != Internal {
			t.Errorf("Of(%q) = %s", addr, got)
		}
		if string(addr) != before {
			t.Errorf("Of changed %q to %q", before, addr)
		}
	})
}

func BenchmarkOf(b *testing.B) {
	c := newClassifier()
	for _, name := range []string{"ipv4", "ipv6", "unix socket"} {
		b.Run(name, func(b *testing.B) {
			addr := []byte(cases[name].addr)
			b.ReportAllocs()
			for b.Loop() {
				c.Of(addr, false)
			}
		})
	}
}
