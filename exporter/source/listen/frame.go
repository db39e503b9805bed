package listen

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// maxCountDigits bounds a frame's length, so that a number with ten or more digits,
// such as a Unix time, is text.
const maxCountDigits = 9

// readFrame reads a message from a TCP stream. Each frame shows its own framing:
// "LENGTH SP MESSAGE" is octet counting (RFC 6587 §3.4.1), anything else ends with
// LF or CRLF (§3.4.2). The message is valid until the next read of r. An overlong
// message is truncated to maxLen bytes. For one that does not fit into r's buffer, grow
// returns an empty slice with a capacity of maxLen and two. An error means that the stream
// ended before the frame did.
func readFrame(r *bufio.Reader, maxLen int, grow func() []byte) (message []byte, overlong bool, err error) {
	digits, n, err := peekCount(r)
	if err != nil {
		return nil, false, err
	}
	if digits > 0 {
		if _, err := r.Discard(digits + 1); err != nil {
			return nil, false, err
		}
		message, err = readCounted(r, n, maxLen, grow)
		return message, n > maxLen, err
	}
	line, err := readLine(r, maxLen+len("\r\n"), grow)
	if err != nil {
		return nil, false, err
	}
	if text, whole := bytes.CutSuffix(line, []byte{'\n'}); whole {
		line = bytes.TrimSuffix(text, []byte{'\r'})
	}
	return line[:min(len(line), maxLen)], len(line) > maxLen, nil
}

// readLine reads a line and returns its first maxLen bytes, which include "\n".
func readLine(r *bufio.Reader, maxLen int, grow func() []byte) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		long := grow()
		for errors.Is(err, bufio.ErrBufferFull) {
			long = append(long, line[:min(len(line), maxLen-len(long))]...)
			line, err = r.ReadSlice('\n')
		}
		line = append(long, line[:min(len(line), maxLen-len(long))]...)
	}
	return line[:min(len(line), maxLen)], err
}

// peekCount returns the length n at the start of a frame and how many digits it has;
// digits is 0 if the frame begins otherwise. peekCount consumes nothing, and waits
// only for bytes of the frame.
func peekCount(r *bufio.Reader) (digits, n int, err error) {
	for digits <= maxCountDigits {
		b, err := r.Peek(digits + 1)
		if err != nil {
			return 0, 0, err
		}
		switch c := b[digits]; {
		case c == ' ':
			return digits, n, nil
		case c < '0' || c > '9' || c == '0' && digits == 0:
			return 0, 0, nil
		default:
			digits, n = digits+1, 10*n+int(c-'0')
		}
	}
	return 0, 0, nil
}

// readCounted reads a message of n bytes and returns its first maxLen bytes.
func readCounted(r *bufio.Reader, n, maxLen int, grow func() []byte) ([]byte, error) {
	if n <= r.Size() {
		message, err := r.Peek(n)
		if err != nil {
			return nil, err
		}
		_, err = r.Discard(n)
		return message[:min(n, maxLen)], err
	}
	long := grow()[:min(n, maxLen)]
	if _, err := io.ReadFull(r, long); err != nil {
		return nil, err
	}
	_, err := r.Discard(n - len(long))
	return long, err
}
