package logparse_test

import (
	"fmt"

	"smtp_reply_exporter/logparse"
)

// printReplies prints the replies that lines of any MTA tell.
func printReplies(lines ...string) {
	p := logparse.NewParser()
	for _, line := range lines {
		for _, e := range p.Parse([]byte(line)).Events {
			fmt.Println(e.Direction, e.Code, e.Enhanced, e.Command, string(e.Remote))
		}
	}
}

func ExampleParser_postfix() {
	printReplies(
		"Nov 23 14:16:23 mx1 postfix/smtpd[698]: NOQUEUE: reject: MAIL from unknown[192.0.2.7]: 452 4.3.1 Insufficient system storage; from=<ann@src.example> proto=ESMTP helo=<pc>",
	)
	// Output: sent 452 4.3.1 mail unknown
}

func ExampleParser_courier() {
	printReplies(
		"Nov 23 14:47:05 mail courieresmtp: id=A1.6B04.1D2,from=<ann@src.example>,addr=<bob@dest.example>: 452 4.5.3 Too many recipients",
	)
	// Output: received 452 4.5.3
}

func ExampleParser_dma() {
	printReplies(
		"Nov 23 14:41:20 mx1 dma[a34246.55acd92b4f40]: remote delivery deferred: mx.dest.example [192.0.2.10] failed after MAIL FROM: 452 4.3.1 full",
	)
	// Output: received 452 4.3.1 mail mx.dest.example
}

func ExampleParser_ciscoESA() {
	printReplies(
		"Mon Nov 23 14:18:21 2026 Info: Delayed: DCID 8 MID 6 to RID 1 - 4.1.0 - Unknown address error ('451', ['4.7.1 Greylisted']) []",
	)
	// Output: received 451 4.7.1
}

func ExampleParser_exchange() {
	printReplies(
		`2026-11-23T14:18:22.100Z,EX1\Default Frontend EX1,08DC1A2B3C4D5E6F,11,192.0.2.1:25,198.51.100.7:40123,>,452 4.3.1 Insufficient system resources,`,
	)
	// Output: sent 452 4.3.1
}

func ExampleParser_exim() {
	printReplies(
		`2026-11-23 14:24:11 1xVUxo-0001BI-1e => bob@dest.example R=dnslookup T=remote_smtp H=mx.dest.example [192.0.2.10] C="250 2.0.0 Ok: queued as 4AB"`,
		"2026-11-23 14:24:12 1xVUxo-0001BI-1f == ann@dest.example R=dnslookup T=remote_smtp defer (-44) H=mx.dest.example [192.0.2.10]: SMTP error from remote mail server after RCPT TO:<ann@dest.example>: 451 4.7.1 Greylisted",
	)
	// Output:
	// received 250 2.0.0 end_of_data mx.dest.example
	// received 451 4.7.1 rcpt mx.dest.example
}

func ExampleParser_haraka() {
	printReplies(
		"2026-11-23T14:34:05.291Z [NOTICE] [0B1E9B2C-5C11-4A37-9D0E-3C5D1F6A7B80.1.1] [outbound] recipient <bob@dest.example> deferred: 451 4.7.1 Greylisted",
	)
	// Output: received 451 4.7.1 rcpt
}

func ExampleParser_hmailserver() {
	printReplies(
		"\"SMTPD\"\t2144\t17\t\"2026-11-23 14:18:21.941\"\t\"198.51.100.7\"\t\"SENT: 451 Please try again later.\"",
	)
	// Output: sent 451  connect
}

func ExampleParser_kumomta() {
	printReplies(
		`{"type":"TransientFailure","id":"1d98076a","sender":"a@src.example","recipient":"ann@dest.example","response":{"code":451,"enhanced_code":{"class":4,"subject":7,"detail":1},"content":"Greylisted","command":"RCPT TO:<ann@dest.example>\r\n"},"peer_address":{"name":"mx.dest.example.","addr":"192.0.2.10"},"timestamp":1795443501}`,
	)
	// Output: received 451 4.7.1 rcpt mx.dest.example.
}

func ExampleParser_maddy() {
	printReplies(
		"2026-11-23T14:36:06.544Z queue: delivery attempt failed\t{\"msg_id\":\"853941dd\",\"rcpt\":\"bob@dest.example\",\"reason\":\"SMTP error 452: Too many recipients\",\"remote_server\":\"mx.dest.example.\",\"smtp_code\":452,\"smtp_enchcode\":\"4.5.3\",\"smtp_msg\":\"mx.dest.example. said: Too many recipients\",\"target\":\"remote\"}",
	)
	// Output: received 452 4.5.3 rcpt mx.dest.example
}

func ExampleParser_msmtp() {
	printReplies(
		"Nov 23 14:40:54 host=mx.dest.example tls=off auth=off from=ann@src.example recipients=bob@dest.example smtpstatus=451 smtpmsg='451 4.7.1 Greylisted' errormsg='recipient address bob@dest.example not accepted by the server' exitcode=EX_DATAERR",
	)
	// Output: received 451 4.7.1 rcpt mx.dest.example
}

func ExampleParser_opensmtpd() {
	printReplies(
		`Nov 23 14:25:11 mx1 smtpd[265]: c2ee49abdd44088f mta delivery evpid=dd495ab1fb9fa7e2 from=<ann@src.example> to=<bob@dest.example> rcpt=<-> source="192.0.2.1" relay="192.0.2.10 (mx.dest.example)" delay=1s result="TempFail" stat="451 4.7.1 later"`,
	)
	// Output: received 451 4.7.1  mx.dest.example
}

func ExampleParser_powermta() {
	printReplies(
		`t,2026-11-23 14:18:21+0100,2026-11-23 14:18:20+0100,ann@src.example,bob@dest.example,,delayed,4.7.1 (delivery not authorized),smtp;451 4.7.1 Greylisted,mx.dest.example (192.0.2.10),,smtp,app.src.example (192.0.2.2),smtp,192.0.2.1,192.0.2.10,"ENHANCEDSTATUSCODES,PIPELINING,SIZE",1234,vmta1,spring,,dest.example/vmta1,pool1`,
	)
	// Output: received 451 4.7.1  mx.dest.example
}

func ExampleParser_qmail() {
	printReplies(
		"@4000000067421f3f1a2b3c4d delivery 9: deferral: 192.0.2.10_does_not_like_recipient./Remote_host_said:_451_4.7.1_Greylisted/Giving_up_on_192.0.2.10./",
	)
	// Output: received 451 4.7.1 rcpt 192.0.2.10
}

func ExampleParser_sendmail() {
	printReplies(
		"Nov 23 14:16:23 mx1 sm-mta[699]: 6ANEXOvI000375: to=<cid@dest.example>, delay=00:00:16, xdelay=00:00:01, mailer=esmtp, pri=120104, relay=mx.dest.example. [192.0.2.10], dsn=4.2.2, reply=452 4.2.2 Over quota, stat=Deferred: 452 4.2.2 Over quota",
	)
	// Output: received 452 4.2.2  mx.dest.example.
}
