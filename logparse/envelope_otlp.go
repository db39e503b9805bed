package logparse

// A batch is the rest of OTLP's object, which holds records in lists within lists. Each
// record is a line for the counters.
//
//	{"resourceLogs":[{"resource":{"attributes":[{"key":"host.name","value":{"stringValue":"mx1"}}]},
//	 "scopeLogs":[{"logRecords":[{"timeUnixNano":"1795443383000000000","body":{"stringValue":"MSG"},
//	  "attributes":[{"key":"appname","value":{"stringValue":"postfix/smtpd"}}]}]}]}]}
type batch struct {
	rest      []byte // nil where the line is no batch
	inRecords bool
	depth     int        // how many objects rest begins in
	resource  []byte     // the attributes of what the records are from
	walk      jsonObject // through rest
	element   jsonObject // of the outermost list
	member    jsonObject // of a list of attributes
}

// begin reads a list of records' resources and reports whether it holds a record.
func (b *batch) begin(list []byte) bool {
	if b.member.jsonNames == nil {
		b.walk, b.element = newJSONObject(), newJSONObject("resource.attributes")
		b.element.whole = true
		b.member = newJSONObject("key", "value.stringValue", "value.intValue")
	}
	b.rest, b.inRecords, b.depth, b.resource = list, false, 0, nil
	return b.skipToRecord()
}

// skipToRecord skips what comes before the next record. Only names lead to it, which no
// value can hold.
func (b *batch) skipToRecord() bool {
	o := &b.walk
	o.b, o.at = b.rest, 0
	for {
		switch o.peek() {
		case 0:
			b.rest = nil
			return false
		case '{':
			if b.inRecords {
				b.rest = o.b[o.at:]
				return true
			}
			if b.depth == 0 {
				b.readResource()
			}
			b.depth++
			o.at++
		case '}':
			b.depth--
			o.at++
		case '"':
			start := o.at + 1
			if !o.skipText() {
				b.rest = nil
				return false
			}
			b.name(o.b[start : o.at-1])
		case ']':
			b.inRecords = false
			o.at++
		default:
			o.at++
		}
	}
}

// readResource reads the resource of the element that begins here. It may stand behind the
// records.
func (b *batch) readResource() {
	ahead := b.walk
	b.resource = nil
	if start := ahead.at; ahead.skip() && b.element.parse(ahead.b[start:ahead.at]) && b.element.texts[0] == 0 {
		b.resource = b.element.values[0]
	}
}

// name reads what follows a string, if that is the name of a list of records.
func (b *batch) name(text []byte) {
	o := &b.walk
	if o.peek() == ':' && string(text) == "logRecords" {
		o.at++
		b.inRecords = o.token('[')
	}
}

// next returns the text of the next record.
func (b *batch) next() (record []byte, ok bool) {
	if len(b.rest) == 0 {
		return nil, false
	}
	o := &b.walk
	o.b, o.at = b.rest, 0
	if !o.skip() && o.at < len(o.b) {
		b.rest = nil
		return nil, false
	}
	record, b.rest = b.rest[:o.at], b.rest[o.at:]
	if !b.skipToRecord() {
		b.rest = nil
	}
	return record, true
}

// addMembers adds to o the members that a list of keys and values stands for.
func (b *batch) addMembers(o *jsonObject, list []byte) {
	walk, m := &b.walk, &b.member
	walk.b, walk.at = list, 0
	for walk.token('['); walk.peek() == '{'; walk.token(',') {
		start := walk.at
		if !walk.skip() || !m.parse(walk.b[start:walk.at]) {
			return
		}
		for i := 1; i < len(m.values); i++ {
			if key := o.find(m.values[0]); key >= 0 && m.values[i] != nil && o.values[key] == nil {
				// What m decoded is lost when it reads on.
				n := len(o.scratch)
				o.scratch = append(o.scratch, m.values[i]...)
				o.set(key, o.scratch[n:len(o.scratch):len(o.scratch)], m.texts[i])
			}
		}
	}
}

// record reads the next record of a batch.
func (u *unwrapper) record(env *Envelope) (whole bool) {
	b, o := &u.batch, &u.objects[0]
	resource := b.resource
	text, ok := b.next()
	*env = Envelope{Message: text}
	if !ok || !o.parse(text) {
		return true
	}
	for i := objectFirst[keyMembers]; i < objectFirst[keyMembers+1]; i++ {
		b.addMembers(o, o.values[i])
	}
	b.addMembers(o, resource)
	return u.readObject(o, text, env)
}

// nextRecord sets env to the envelope of the next record of the last line. It returns false
// where the line holds no further one.
func (u *unwrapper) nextRecord(env *Envelope) bool {
	if line := u.again; line != nil {
		u.begin(nil)
		u.again, *env = nil, Envelope{}
		u.inner(line, env)
		return true
	}
	if len(u.batch.rest) == 0 {
		return false
	}
	u.begin(nil)
	u.record(env)
	return true
}
