// Package peer distinguishes the hosts and users of this mail system from strangers. It
// takes an address as logged and returns the label peer.
package peer

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"unsafe"
)

// The values of the label peer.
const (
	External      = "external"
	Internal      = "internal"
	Authenticated = "authenticated"
)

// A Classifier knows the internal addresses. It is safe for concurrent use.
type Classifier struct {
	internal []netip.Prefix
	own      map[netip.Addr]struct{}
}

// New returns a Classifier for the internal networks, which must not be
// IPv4-mapped, and the host's own addresses.
func New(internal []netip.Prefix, own []netip.Addr) *Classifier {
	c := &Classifier{internal: internal, own: make(map[netip.Addr]struct{}, len(own))}
	for _, addr := range own {
		c.own[addr.Unmap().WithZone("")] = struct{}{}
	}
	return c
}

// Of returns the label peer of the other side of a session.
//
// addr is its address as logged. An IPv6 address may have a zone, which Of ignores,
// or the prefix "IPv6:" (RFC 5321 §4.1.3). An IPv4-mapped address counts as its IPv4
// address. A Unix socket has its path as address, which has a slash
// ("private/dovecot-lmtp"). Unix sockets, loopback, the host's own addresses and the
// internal networks are Internal. Anything else is External, such as "" and
// "unknown".
//
// An authenticated client is Authenticated wherever it comes from, because a refusal
// to a user is the same event inside and outside the office network.
func (c *Classifier) Of(addr []byte, authenticated bool) string {
	if authenticated {
		return Authenticated
	}
	if bytes.IndexByte(addr, '/') >= 0 {
		return Internal
	}
	if len(addr) == 0 || string(addr) == "unknown" {
		return External
	}
	const tag = "IPv6:"
	if len(addr) > len(tag) && bytes.EqualFold(addr[:len(tag)], []byte(tag)) {
		addr = addr[len(tag):]
	}
	addr, _, _ = bytes.Cut(addr, []byte("%"))
	// Copying addr would allocate for each reply. An Addr without a zone does not
	// refer to the string.
	ip, err := netip.ParseAddr(unsafe.String(unsafe.SliceData(addr), len(addr)))
	if err != nil {
		return External
	}
	ip = ip.Unmap()
	if ip.IsLoopback() {
		return Internal
	}
	if _, ok := c.own[ip]; ok {
		return Internal
	}
	for _, network := range c.internal {
		if network.Contains(ip) {
			return Internal
		}
	}
	return External
}

// OwnAddresses returns the addresses of this host's interfaces, loopback included.
func OwnAddresses() ([]netip.Addr, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list the addresses of this host: %w", err)
	}
	var own []netip.Addr
	for _, addr := range addrs {
		if network, ok := addr.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(network.IP); ok {
				own = append(own, ip.Unmap())
			}
		}
	}
	return own, nil
}
