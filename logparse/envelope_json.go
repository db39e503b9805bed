package logparse

import "bytes"

// A key is what a member of an object says about a line. The names that shippers give
// it stand in objectNames, the one to prefer first.
type key uint8

const (
	keyMessage key = iota
	keyTag         // TAG[PID]:
	keyProgram
	keyPID
	keyHost
	keyTime
	keyEngine // of an entry of the journal: a container's output
	keyOrigin // the line is of a container or a file
	keyLevel  // the object is an application's own, if it names no program and no origin
	keyStream
	keyPart       // P or F, as in a Kubernetes container log
	keyAttributes // of Docker's object
	keyBatch      // OTLP's
	keyMembers    // of an OTLP record, more members
	numKeys
)

// objectNames are the names of keys that are read. A nested object's have dots, and so
// have some that Elastic's shippers write.
var objectNames = [numKeys][]string{
	keyMessage: {
		"message", "msg", "log", "MESSAGE", "Message", "_msg", "full_message", "short_message", "line", "body",
		"body.stringValue", "event.original", "rawmsg", "raw_message", "@message", "text",
	},
	keyTag: {"syslogtag", "syslog-tag", "tag", "TAG"},
	keyProgram: {
		"SYSLOG_IDENTIFIER", "process.name", "log.syslog.appname", "program", "PROGRAM", "appname", "app_name", "APP-NAME",
		"APPNAME", "app-name", "ident", "programname", "application_name", "_application_name", "process_name",
		"_process_name", "_program", "SourceName", "syslog_program", "syslog_identifier",
	},
	keyPID: {
		"SYSLOG_PID", "process.pid", "log.syslog.procid", "procid", "proc_id", "pid", "PID", "PROCID", "process_id",
		"_process_id", "ProcessID", "_pid", "_PID",
	},
	keyHost: {
		"_HOSTNAME", "host.hostname", "log.syslog.hostname", "hostname", "HOSTNAME", "Hostname", "host", "HOST", "_host",
		"_hostname", "sysloghost", "host.name", "logsource", "source_host", "fromhost", "labels.host", "labels.hostname",
	},
	keyTime: {
		"__REALTIME_TIMESTAMP", "timereported", "timestamp", "@timestamp", "time", "_time", "TIMESTAMP", "date", "DATE",
		"ISODATE", "EventTime", "ts", "timeUnixNano", "observedTimeUnixNano", "timegenerated",
	},
	keyEngine: {"CONTAINER_ID", "CONTAINER_ID_FULL", "CONTAINER_NAME"},
	keyOrigin: {
		"log.file.path", "log.file.name", "filename", "file_path", "labels.filename", "FILE_NAME",
		"container_id", "container_name", "_container_id", "_container_name", "container.id", "container.name",
		"kubernetes.pod_name", "kubernetes.container_name", "kubernetes.pod.name", "kubernetes.container.name",
		"docker.container_id", "k8s.pod.name", "k8s.container.name", "labels.container", "labels.pod",
	},
	keyLevel:      {"level", "severity", "lvl", "levelname", "loglevel", "log.level"},
	keyStream:     {"stream"},
	keyPart:       {"logtag", "_p"},
	keyAttributes: {"attrs"},
	keyBatch:      {"resourceLogs"},
	keyMembers:    {"attributes", "body.kvlistValue.values"},
}

// objectKeys are objectNames in one list, and where in it each key begins.
var objectKeys, objectFirst = func() (*jsonNames, [numKeys + 1]int) {
	var names []string
	var first [numKeys + 1]int
	for k, some := range objectNames {
		first[k] = len(names)
		names = append(names, some...)
	}
	first[numKeys] = len(names)
	n := newJSONNames(names...)
	n.whole = true
	return n, first
}()

// get returns the value of a key; nil if the object has none.
func (o *jsonObject) get(k key) []byte {
	for _, value := range o.values[objectFirst[k]:objectFirst[k+1]] {
		if value != nil {
			return value
		}
	}
	return nil
}

// getText returns the value of a key that is a string, or a list that stands for one;
// nil if the object has none.
func (o *jsonObject) getText(k key) []byte {
	for i := objectFirst[k]; i < objectFirst[k+1]; i++ {
		if o.values[i] != nil && o.texts[i] > 0 {
			return o.values[i]
		}
	}
	return nil
}

// object reads an object of a shipper or a container runtime, of which some are:
//
//	{"log":"Nov 23 14:20:06 mx1 postfix/smtp[699]: ...\n","stream":"stdout","time":"2026-11-23T14:20:06.001575881Z"}
//	{"MESSAGE":"...","SYSLOG_IDENTIFIER":"postfix/smtp","SYSLOG_PID":"699","__REALTIME_TIMESTAMP":"1795443606001575"}
//	{"@timestamp":"...","message":"Nov 23 14:20:06 mx1 postfix/smtp[699]: ...","log":{"file":{"path":"/var/log/mail.log"}}}
//
// Where it names a program, the message is that program's. Else the message is a line.
// Any other object is a message of an MTA that logs in JSON.
func (u *unwrapper) object(line []byte, env *Envelope) (whole bool) {
	o := &u.objects[u.nested]
	if u.nested == 0 && o.values[objectBatch] != nil && u.batch.begin(o.values[objectBatch]) {
		return u.record(env)
	}
	return u.readObject(o, line, env)
}

// readObject sets env to what the members of an object, whose text is line, say.
func (u *unwrapper) readObject(o *jsonObject, line []byte, env *Envelope) (whole bool) {
	at := timeOf(o.get(keyTime))
	if o.isDocker() {
		// Docker splits a message every 16 KiB; only the last part has a line end.
		message, final := bytes.CutSuffix(o.values[objectLog], []byte("\n"))
		return u.part(at, streamOf(o), final || u.endless, bytes.TrimSuffix(message, []byte("\r")), env)
	}
	message := o.getText(keyMessage)
	*env = Envelope{Time: at, Host: o.getText(keyHost), Program: o.getText(keyProgram), PID: o.get(keyPID)}
	if tag := (Envelope{}); parseTag(o.getText(keyTag), &tag) {
		env.Program, env.PID = tag.Program, tag.PID
	}
	switch {
	case message == nil && o.values[objectIdentifier] != nil: // journald drops what is too long
	case message == nil:
		*env = Envelope{Message: line}
		u.raw, u.rare = line, true
	case env.Program == nil && o.get(keyLevel) != nil && o.get(keyOrigin) == nil:
		*env = Envelope{Message: line}
	case env.Program != nil:
		env.Message = trimMessage(message)
		env.cutOwnHeader()
		u.container = o.get(keyEngine) != nil
	case o.get(keyPart) != nil:
		return u.part(at, streamOf(o), string(o.get(keyPart)) != "P", message, env)
	default:
		u.inner(bytes.TrimRight(message, "\r\n"), env)
	}
	return true
}

var (
	objectLog        = objectKeys.find([]byte("log"))
	objectTime       = objectKeys.find([]byte("time"))
	objectBatch      = objectKeys.find([]byte("resourceLogs"))
	objectAttributes = objectKeys.find([]byte("attrs"))
	objectIdentifier = objectKeys.find([]byte("SYSLOG_IDENTIFIER"))
)

// isDocker reports whether an object is one of Docker's json-file driver, with nothing that
// a shipper added: those have no line end in the log.
func (o *jsonObject) isDocker() bool {
	if o.values[objectLog] == nil || o.get(keyStream) == nil {
		return false
	}
	members := 2
	if o.values[objectTime] != nil {
		members++
	}
	if o.values[objectAttributes] != nil {
		members++
	}
	return o.members == members
}

// streamOf returns which stream of a container an object is of.
func streamOf(o *jsonObject) int {
	if string(o.get(keyStream)) == "stderr" {
		return 1
	}
	return 0
}

// cutOwnHeader takes a header off the message of a program if it names the same program:
// Logstash keeps the whole line beside its parts.
func (env *Envelope) cutOwnHeader() {
	var own Envelope
	parseHeader(env.Message, &own)
	name, ok := bytes.CutPrefix(own.Program, env.Program)
	if !ok || len(name) > 0 && name[0] != '/' || own.Time.kind == timeNone && own.PID == nil {
		return
	}
	env.Program, env.Message = own.Program, own.Message
	if own.PID != nil {
		env.PID = own.PID
	}
	if own.Host != nil {
		env.Host = own.Host
	}
	if own.Time.kind != timeNone {
		env.Time = own.Time
	}
}

// timeOf returns the time that a value stands for.
func timeOf(value []byte) Timestamp {
	if at, rest, ok := cutTime(value); ok && len(rest) == 0 {
		return at
	}
	if len(value) < len("100000000") || !isDigit(value[0]) { // "0" is none
		return Timestamp{}
	}
	return Timestamp{timeSeconds, value}
}
