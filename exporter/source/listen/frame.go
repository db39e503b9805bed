package listen

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// maxCountDigits bounds a frame's length, so that a number of ten digits and
// more, such as a Unix time, is text.
const maxCountDigits = 9

// readFrame reads a message of a TCP stream. Each frame shows for itself how it
// is framed: "LENGTH SP MESSAGE" is octet counting (RFC 6587 §3.4.1), all else
// ends with LF or CRLF (§3.4.2). The message is valid until r is read again; an
// overlong one is its first maxLen bytes. What does not fit into r's buffer takes
// no more memory than has come. An error is what ended the stream before the
// frame's end.
func readFrame(r *bufio.Reader, maxLen int) (message []byte, overlong bool, err error) {
	digits, n, err := peekCount(r)
	if err != nil {
		return nil, false, err
	}
	if digits > 0 {
		if _, err := r.Discard(digits + 1); err != nil {
			return nil, false, err
		}
		message, err = readCounted(r, n, maxLen)
		return message, n > maxLen, err
	}
	line, err := readLine(r, maxLen+len("\r\n"))
	if err != nil {
		return nil, false, err
	}
	if text, whole := bytes.CutSuffix(line, []byte{'\n'}); whole {
		line = bytes.TrimSuffix(text, []byte{'\r'})
	}
	return line[:min(len(line), maxLen)], len(line) > maxLen, nil
}

// readLine reads a line and returns its first bytes, "\n" included.
func readLine(r *bufio.Reader, maxLen int) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		var long []byte
		for errors.Is(err, bufio.ErrBufferFull) {
			long = append(long, line[:min(len(line), maxLen-len(long))]...)
			line, err = r.ReadSlice('\n')
		}
		line = append(long, line[:min(len(line), maxLen-len(long))]...)
	}
	return line[:min(len(line), maxLen)], err
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

// readCounted reads a message of n bytes and returns the first of them.
func readCounted(r *bufio.Reader, n, maxLen int) ([]byte, error) {
	if n <= r.Size() {
		message, err := r.Peek(n)
		if err != nil {
			return nil, err
		}
		_, err = r.Discard(n)
		return message[:min(n, maxLen)], err
	}
	var long bytes.Buffer
	if _, err := io.CopyN(&long, r, int64(min(n, maxLen))); err != nil {
		return nil, err
	}
	_, err := r.Discard(n - long.Len())
	return long.Bytes(), err
}
