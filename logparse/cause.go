package logparse

import "bytes"

// A causeRule says what a text means that begins with prefix, holds contains and
// ends with suffix. An empty one of them fits any text.
type causeRule struct {
	prefix, contains, suffix string
	cause                    Cause
}

// causeOf returns the cause of the first rule that fits text, else CauseOther.
func causeOf(rules []causeRule, text []byte) Cause {
	for i := range rules {
		r := &rules[i]
		if startsWith(text, r.prefix) && bytes.HasSuffix(text, []byte(r.suffix)) &&
			bytes.Contains(text, []byte(r.contains)) {
			return r.cause
		}
	}
	return CauseOther
}
