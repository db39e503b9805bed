package logparse

// An address is a peer's IP address as logged. Its fields are exported for
// encoding/binary.
type address struct {
	Bytes [46]byte // as long as an IPv6 address can be
	Len   uint8
}

// set remembers an address. One that is too long is left out.
func (a *address) set(addr []byte) {
	*a = address{}
	if len(addr) <= len(a.Bytes) {
		a.Len = uint8(copy(a.Bytes[:], addr))
	}
}

func (a *address) bytes() []byte { return a.Bytes[:a.Len] }

// valid reports whether what was read from a state can be used.
func (a *address) valid() bool { return int(a.Len) <= len(a.Bytes) }

// A host is a peer that one line of a session names and later ones do not. Its
// fields are exported for encoding/binary.
type host struct {
	Name    [128]byte
	NameLen uint8
	Addr    address
}

// set remembers a peer. What is too long is left out.
func (h *host) set(name, addr []byte) {
	*h = host{}
	if len(name) <= len(h.Name) {
		h.NameLen = uint8(copy(h.Name[:], name))
	}
	h.Addr.set(addr)
}

func (h *host) name() []byte { return h.Name[:h.NameLen] }

func (h *host) addr() []byte { return h.Addr.bytes() }

// valid reports whether what was read from a state can be used.
func (h *host) valid() bool { return int(h.NameLen) <= len(h.Name) && h.Addr.valid() }
