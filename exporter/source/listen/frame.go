package listen

import (
	"bufio"
	"bytes"
	"errors"
)

// maxCountDigits bounds a frame's length, so that a number of ten digits and
// more, such as a Unix time, is text.
const maxCountDigits = 9

var errTooLong = errors.New("message too long")

// readFrame reads a message of a TCP stream. Each frame shows for itself how it
// is framed: "LENGTH SP MESSAGE" is octet counting (RFC 6587 §3.4.1), all else
// ends with LF or CRLF (§3.4.2). The message is valid until r is read again.
//
// An error is errTooLong for a message longer than maxLen, which has been
// skipped, or what ended the stream before the frame's end. r's buffer has at
// least maxLen+2 bytes.
func readFrame(r *bufio.Reader, maxLen int) ([]byte, error) {
	digits, n, err := peekCount(r)
	if err != nil {
		return nil, err
	}
	if digits > 0 {
		return readCounted(r, digits+1, n, maxLen)
	}
	line, err := r.ReadSlice('\n')
	tooLong := errors.Is(err, bufio.ErrBufferFull)
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = r.ReadSlice('\n')
	}
	if err != nil {
		return nil, err
	}
	line = bytes.TrimSuffix(line[:len(line)-1], []byte{'\r'})
	if tooLong || len(line) > maxLen {
		return nil, errTooLong
	}
	return line, nil
}

// peekCount reads nothing off r, and waits for no byte that is not the frame's.
// digits is 0 if the frame does not begin with a length.
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

// readCounted reads the message of n bytes after the prefix that tells its length.
func readCounted(r *bufio.Reader, prefix, n, maxLen int) ([]byte, error) {
	if n > maxLen {
		if _, err := r.Discard(prefix + n); err != nil {
			return nil, err
		}
		return nil, errTooLong
	}
	if _, err := r.Discard(prefix); err != nil {
		return nil, err
	}
	message, err := r.Peek(n)
	if err != nil {
		return nil, err
	}
	_, err = r.Discard(n)
	return message, err
}
