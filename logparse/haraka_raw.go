package logparse

import "bytes"

// Haraka up to 2.8.14 writes quotes around the values that strangers and plugins fill, and
// leaves those within as they are (connection.js; plugins.js, log_run_item):
//
//	hook=helo plugin=helo.checks function=hook_helo params="x" retval=DENY msg="HELO "x" is bad"
//	recipient <a@dest.example> code=DENY msg="no such user" sender="b@src.example"
//	disconnect ip=192.0.2.7 rdns="mail.src.example" helo="x" relay=N ... rcpts=0/0/1 msgs=0/0/0 bytes=9 lr="550 no "x"" time=0.1
//
// A value then ends where the next attribute begins. If that can begin at two places, the
// line is not read so.

// A harakaRawForm is what stands before the values of a line, in its order. The names are
// those of attributes that are read.
type harakaRawForm struct {
	text   string // how the message begins
	fields []harakaRawField
	end    string // of the line
}

type harakaRawField struct{ before, name string }

var harakaRawForms = []harakaRawForm{
	{"", []harakaRawField{
		{"hook=", "hook"}, {" plugin=", ""}, {" function=", ""}, {` params="`, "params"}, {`" retval=`, "retval"}, {` msg="`, "msg"},
	}, `"`},
	{"sender ", []harakaRawField{{"code=", "code"}, {` msg="`, "msg"}}, `"`},
	{"recipient ", []harakaRawField{{"code=", "code"}, {` msg="`, "msg"}, {`" sender="`, ""}}, `"`},
	{"message", []harakaRawField{{`mid="`, ""}, {`" size=`, ""}, {" code=", "code"}, {` msg="`, "msg"}}, `"`},
	{"queue", []harakaRawField{{"code=", "code"}, {` msg="`, "msg"}}, `"`},
	{"disconnect", []harakaRawField{
		{"ip=", "ip"},
		{` rdns="`, "rdns"},
		{`" helo="`, ""},
		{`" relay=`, ""},
		{" rcpts=", "rcpts"},
		{" msgs=", ""},
		{` lr="`, "lr"},
		{`" time=`, ""},
	}, ""},
}

// maxHarakaRaw is the most fields of a harakaRawForm.
const maxHarakaRaw = 8

// A harakaRaw is a line that was read so; it has no form where it was not.
type harakaRaw struct {
	form   *harakaRawForm
	values [maxHarakaRaw][]byte
}

// value returns the value of an attribute; nil if there is none.
func (r *harakaRaw) value(name string) []byte {
	for i := range r.form.fields {
		if r.form.fields[i].name == name {
			return r.values[i]
		}
	}
	return nil
}

// readRaw reads the attributes if they are not in the form of later versions. A hook's line
// begins with a blank in that, and has an empty message. ok is false if the line can be
// read in two ways.
func (l *haraka) readRaw() (ok bool) {
	f := l.rawForm()
	if f == nil {
		return true
	}
	attributes, twice := l.attributes, false
	isHook := len(f.text) == 0
	if isHook {
		attributes, twice = l.text, true
	} else {
		var whole bool
		if whole, twice = l.areWhole(attributes); whole {
			return true
		}
	}
	read, ambiguous := l.raw.read(f, attributes)
	if !read {
		return !twice && !ambiguous
	}
	l.raw.form = f
	if isHook {
		l.text = nil
	}
	return true
}

// rawForm returns the form that a line may have; nil for other lines.
func (l *haraka) rawForm() *harakaRawForm {
	switch {
	case l.inJSON:
		return nil
	case bytes.HasPrefix(l.text, []byte("hook=")):
		return &harakaRawForms[0]
	}
	for i := range harakaRawForms[1:] {
		if f := &harakaRawForms[1+i]; bytes.HasPrefix(l.text, []byte(f.text)) {
			return f
		}
	}
	return nil
}

// notRead reports a line that readRaw could not read, if it may be of a refusal.
func (l *haraka) notRead() {
	rest := l.attributes
	if hook, ok := bytes.CutPrefix(l.text, []byte("hook=")); ok {
		var name []byte
		name, rest, _ = bytes.Cut(hook, []byte(" "))
		if harakaHookOf(name, false) == nil {
			return
		}
	} else if string(l.text) == "disconnect" {
		l.attributes = nil
		l.disconnect()
		return
	}
	if bytes.Contains(rest, []byte("=DENY")) {
		l.notUnderstood(shapeHarakaVerdict)
	}
}

// areWhole reports whether attributes are in the form of later versions, to their end.
// twice is true if they are, but for a name that stands there twice.
func (l *haraka) areWhole(b []byte) (whole, twice bool) {
	start := len(l.decoded)
	defer func() { l.decoded = l.decoded[:start] }()
	var names [16][]byte
	for n := 0; len(b) > 0; n++ {
		name, _, rest, ok := l.cutAttribute(b)
		for _, c := range name {
			ok = ok && (isAlphanumeric(c) || c == '_' || c == '.')
		}
		if !ok {
			return false, twice
		}
		for _, other := range names[:min(n, len(names))] {
			twice = twice || bytes.Equal(name, other)
		}
		if n < len(names) {
			names[n] = name
		}
		b = rest
	}
	return !twice, twice
}

// read reads the values of a form, and reports whether they are those of the line. If they
// are not, ambiguous reports whether an attribute can begin at two places.
func (r *harakaRaw) read(f *harakaRawForm, b []byte) (ok, ambiguous bool) {
	b, ok = bytes.CutSuffix(b, []byte(f.end))
	if !ok || !bytes.HasPrefix(b, []byte(f.fields[0].before)) {
		return false, false
	}
	b = b[len(f.fields[0].before):]
	last := len(f.fields) - 1
	for i := range last {
		before := []byte(f.fields[i+1].before)
		n := bytes.Index(b, before)
		if f.end == "" && i == last-1 { // a number follows, which ends the line
			n = bytes.LastIndex(b, before)
		}
		if n < 0 {
			return false, false
		}
		r.values[i], b = b[:n], b[n+len(before):]
		if bytes.Contains(b, before) {
			return false, true
		}
	}
	r.values[last] = b
	if f.end == "" {
		if len(bytes.Trim(b, "0123456789.")) > 0 {
			return false, false
		}
		last--
	}
	// A later version's line that the logger cut may end so.
	return len(f.text) == 0 || !bytes.HasSuffix(r.values[last], []byte(`\`)), false
}
