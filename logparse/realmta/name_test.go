//go:build realmta

package realmta

import (
	"bytes"
	"net"
	"strings"
	"testing"
)

// names are the hosts' of the tests, with their addresses.
func names() map[string]string {
	names := map[string]string{mtaName: mtaAddress, clientName: clientAddress}
	for _, r := range remotes {
		names[r.name] = r.address
	}
	return names
}

// hosts is /etc/hosts.
func hosts() string {
	var b strings.Builder
	b.WriteString("127.0.0.1 localhost\n")
	for name, address := range names() {
		b.WriteString(address + " " + name + "\n")
	}
	return b.String()
}

// nameserver answers DNS queries for the addresses of the hosts, until the end of the
// test. Other names do not exist.
func nameserver(t *testing.T) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:53")
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return // closed
			}
			if answer := resolve(buf[:n]); answer != nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
}

// resolve answers a query (RFC 1035 section 4); nil if it is none.
func resolve(query []byte) []byte {
	const header, noError, nameError = 12, 0, 3
	end := bytes.IndexByte(query[min(header, len(query)):], 0)
	if end < 0 || header+end+5 > len(query) {
		return nil
	}
	var labels []string
	for name := query[header : header+end]; len(name) > 0; name = name[1+name[0]:] {
		if int(name[0]) >= len(name) {
			return nil
		}
		labels = append(labels, string(name[1:1+name[0]]))
	}
	address, known := names()[strings.ToLower(strings.Join(labels, "."))]
	code, answers := byte(nameError), byte(0)
	if known {
		code = noError
		if kind := query[header+end+2]; kind == 1 { // A
			answers = 1
		}
	}
	answer := bytes.Clone(query[:header+end+5])
	copy(answer[2:], []byte{0x85, 0x80 | code, 0, 1, 0, answers, 0, 0, 0, 0}) // an authoritative answer, one question
	if answers == 1 {
		answer = append(answer, 0xc0, header, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4) // of the name asked, for a minute
		answer = append(answer, net.ParseIP(address).To4()...)
	}
	return answer
}
