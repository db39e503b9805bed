package listen

import (
	"encoding/binary"
	"sync"
)

// queueLen is the capacity of a queue in bytes.
const queueLen = 4 << 20

// A queue holds the messages that were received and not handed out yet. Each message
// follows its length in four bytes. It is safe for concurrent use.
type queue struct {
	mu     sync.Mutex
	room   *sync.Cond
	buf    []byte
	closed bool
}

func newQueue() *queue {
	q := &queue{}
	q.room = sync.NewCond(&q.mu)
	return q
}

// offer adds a message if there is room, and reports whether there is.
func (q *queue) offer(message []byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.fits(message) {
		return false
	}
	q.add(message)
	return true
}

// put adds a message. It waits for room until the queue is closed.
func (q *queue) put(message []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.fits(message) && !q.closed {
		q.room.Wait()
	}
	q.add(message)
}

// fits reports whether there is room for a message. An empty queue has room for a
// message of any length.
func (q *queue) fits(message []byte) bool {
	return len(q.buf) == 0 || len(q.buf)+4+len(message) <= queueLen
}

func (q *queue) add(message []byte) {
	q.buf = binary.NativeEndian.AppendUint32(q.buf, uint32(len(message)))
	q.buf = append(q.buf, message...)
}

// swap returns all messages, for cutMessage, and gives the queue an empty buffer.
func (q *queue) swap(empty []byte) []byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	full := q.buf
	q.buf = empty
	q.room.Broadcast()
	return full
}

// close makes every put return without waiting for room.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.room.Broadcast()
}

// cutMessage returns the first message in b, or nil if there is none.
func cutMessage(b []byte) (message, rest []byte) {
	if len(b) == 0 {
		return nil, nil
	}
	n := 4 + int(binary.NativeEndian.Uint32(b))
	return b[4:n], b[n:]
}
