package logparse_test

import (
	"fmt"

	"smtp_reply_exporter/logparse"
)

func ExampleParser() {
	log := []string{
		"Nov 23 14:16:23 mx1 postfix/smtp[699]: 4BD8F1A2C3: to=<ann@dest.example>, relay=mx.dest.example[192.0.2.10]:25, delay=1, " +
			"delays=0/0/0/1, dsn=4.7.1, status=deferred (host mx.dest.example[192.0.2.10] said: 451 4.7.1 Greylisted (in reply to RCPT TO command))",
		"Nov 23 14:16:24 mx1 postfix/smtpd[698]: NOQUEUE: reject: RCPT from unknown[192.0.2.7]: 554 5.7.1 <bob@dest.example>: " +
			"Relay access denied; from=<a@src.example> to=<bob@dest.example> proto=ESMTP helo=<pc>",
		"Nov 23 14:16:25 mx1 postfix/qmgr[600]: 4BD8F1A2C3: removed",
	}
	p := logparse.NewParser()
	for _, line := range log {
		result := p.Parse([]byte(line))
		fmt.Println(result.Outcome)
		for _, e := range result.Events {
			if e.Kind == logparse.Reply && !e.Repeat {
				fmt.Println("  ", e.Direction, e.Code, e.Enhanced, e.Code.Meaning(), e.Command)
			}
		}
	}
	// Output:
	// reply
	//    received 451 4.7.1 local_error rcpt
	// reply
	//    sent 554 5.7.1 transaction_failed rcpt
	// other
}

func ExampleParseReply() {
	code, enhanced, _ := logparse.ParseReply([]byte("452-4.2.2 The recipient's inbox 452 4.2.2 is out of storage space"))
	info, _ := code.Info()
	fmt.Println(code, enhanced, code.ClassName(), code.Category(), info.Meaning)
	// Output: 452 4.2.2 transient_negative mail_system insufficient_storage
}
