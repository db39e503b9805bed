package logparse

// A host is a peer that one line of a session names and later ones do not. Its
// fields are exported for encoding/binary.
type host struct {
	Name    [128]byte
	NameLen uint8
	Addr    [46]byte // as long as an IPv6 address can be
	AddrLen uint8
}

// set remembers a peer. What is too long is left out.
func (h *host) set(name, addr []byte) {
	*h = host{}
	if len(name) <= len(h.Name) {
		h.NameLen = uint8(copy(h.Name[:], name))
	}
	if len(addr) <= len(h.Addr) {
		h.AddrLen = uint8(copy(h.Addr[:], addr))
	}
}

func (h *host) name() []byte { return h.Name[:h.NameLen] }

func (h *host) addr() []byte { return h.Addr[:h.AddrLen] }

// valid tells whether what was read from a state can be used.
func (h *host) valid() bool { return int(h.NameLen) <= len(h.Name) && int(h.AddrLen) <= len(h.Addr) }
