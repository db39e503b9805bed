package listen

import (
	"encoding/binary"
	"sync"
)

// queueLen is how many bytes a queue holds.
const queueLen = 4 << 20

// A queue is what has been received and not been handed out: messages, each
// after its length in four bytes.
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

// offer adds a message if there is room.
func (q *queue) offer(message []byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.fits(message) {
		return false
	}
	q.add(message)
	return true
}

// put adds a message as soon as there is room, unless the queue is closed.
func (q *queue) put(message []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.fits(message) && !q.closed {
		q.room.Wait()
	}
	q.add(message)
}

// fits lets a message longer than the whole queue into an empty one.
func (q *queue) fits(message []byte) bool {
	return len(q.buf) == 0 || len(q.buf)+4+len(message) <= queueLen
}

func (q *queue) add(message []byte) {
	q.buf = binary.NativeEndian.AppendUint32(q.buf, uint32(len(message)))
	q.buf = append(q.buf, message...)
}

// swap takes all messages, for cutMessage, and leaves the queue an empty buffer.
func (q *queue) swap(empty []byte) []byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	full := q.buf
	q.buf = empty
	q.room.Broadcast()
	return full
}

// close ends all waiting for room.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.room.Broadcast()
}

// cutMessage returns the first of the messages in b, nil if there is none.
func cutMessage(b []byte) (message, rest []byte) {
	if len(b) == 0 {
		return nil, nil
	}
	n := 4 + int(binary.NativeEndian.Uint32(b))
	return b[4:n], b[n:]
}
