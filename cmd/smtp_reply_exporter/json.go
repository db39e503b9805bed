package main

import (
	"encoding/json"
	"io"
	"time"

	"smtp_reply_exporter/exporter/classify"
	"smtp_reply_exporter/logparse"
)

// A jsonReply is one line of the output of parse --output=json.
type jsonReply struct {
	File         string `json:"file"`
	Line         int    `json:"line"`
	Time         string `json:"time"` // RFC 3339; "" if the line has none
	Host         string `json:"host"` // as logged; "" if the line has none
	MTA          string `json:"mta"`
	Program      string `json:"program"`
	Direction    string `json:"direction"`
	Peer         string `json:"peer"`
	Code         int    `json:"code"`
	EnhancedCode string `json:"enhanced_code"`
	Class        string `json:"class"`
	Meaning      string `json:"meaning"`
	Reason       string `json:"reason"`
	Provider     string `json:"provider"`
	Command      string `json:"command"`
	Remote       string `json:"remote"`
	QueueID      string `json:"queue_id"`
	Text         string `json:"text"`
	Count        int    `json:"count"`
	Repeat       bool   `json:"repeat"`
	Implied      bool   `json:"implied"`
}

// A jsonWriter writes each reply as an object on its own line. The encoder writes U+FFFD
// for bytes that are not UTF-8. It counts the lines that were not understood.
type jsonWriter struct {
	encoder       *json.Encoder
	year          int            // of times without a year
	zone          *time.Location // of times without a zone
	notUnderstood shapes
}

func newJSONWriter(w io.Writer, year int, zone *time.Location) *jsonWriter {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return &jsonWriter{encoder, year, zone, shapes{}}
}

func (w *jsonWriter) line(at position, r *logparse.Result, labels []classify.Labels) error {
	w.notUnderstood.line(at, r)
	for i := range r.Events {
		e := &r.Events[i]
		if e.Kind != logparse.Reply {
			continue
		}
		reply := jsonReply{
			File: at.file, Line: at.line, Host: string(r.Envelope.Host), MTA: r.MTA, Program: string(r.Program),
			Direction: e.Direction.String(), Peer: labels[i].Peer,
			Code: int(e.Code), EnhancedCode: e.Enhanced.String(), Class: e.Code.ClassLabel(), Meaning: e.Code.Meaning(),
			Reason: labels[i].Reason, Provider: labels[i].Provider,
			Command: e.Command.String(), Remote: string(e.Remote), QueueID: string(e.QueueID), Text: string(e.Text),
			Count: e.Count, Repeat: e.Repeat, Implied: e.Implied,
		}
		if t, ok := r.Envelope.Time.In(w.year, w.zone); ok {
			reply.Time = t.Format(time.RFC3339Nano)
		}
		if err := w.encoder.Encode(&reply); err != nil {
			return err
		}
	}
	return nil
}
