package main

import (
	"testing"

	"smtp_reply_exporter/exporter/classify"
	"smtp_reply_exporter/exporter/config"
)

func TestExplain(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
	}{
		{"451", []string{"451"}},
		{"451_4.7.1", []string{"451", "4.7.1"}},
		{"250", []string{"250"}},
		{"460", []string{"460"}},                 // not in the catalogue
		{"550_5.9.999", []string{"550 5.9.999"}}, // not in the catalogue
		{"451_5.7.1", []string{"451", "5.7.1"}},  // contradictory
		{"4.7.500", []string{"4.7.500"}},
		{"reply", []string{"451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation. See https://postmaster.live.com (S775) [AM0EUR02.prod.protection.outlook.com]"}},
		{"reply_in_words", []string{"452", "4.3.1", "the", "addressee", "has", "used", "his", "allowance"}},
		{"reply_lines", []string{"421-4.7.0 Try again later\r\n421 4.7.0 too many sessions from your host"}},
		{"451_4.7.1", []string{`"451 4.7.1"`}},
		{"reply_quoted", []string{"450 4.1.1 <u@dest.example>: Recipient address rejected: unverified address: host mx.dest.example[192.0.2.4] said: 452 4.2.2 over quota"}},
		{"postfix", []string{"Nov 23 14:16:23 mx1 postfix/smtp[12]: 4BD8F1A2C3: to=<bob@dest.example>, relay=aspmx.l.google.com[192.0.2.4]:25, delay=1.2, delays=0.1/0/0.3/0.8, dsn=4.2.2, status=deferred (host aspmx.l.google.com[192.0.2.4] said: 452 4.2.2 The recipient's inbox is out of storage space. a1-2 - gsmtp (in reply to RCPT TO command))"}},
		{"postscreen", []string{"Nov 23 14:16:23 mx1 postfix/postscreen[12]: NOQUEUE: reject: RCPT from [192.0.2.9]:48647: 450 4.3.2 Service currently unavailable; from=<a@src.example>, to=<b@dest.example>, proto=ESMTP, helo=<src.example>"}},
		{"postfix_no_reply", []string{"Nov 23 14:16:23 mx1 postfix/smtp[12]: 4BD8F1A2C3: to=<bob@dest.example>, relay=none, delay=30, delays=0/0/30/0, dsn=4.4.1, status=deferred (connect to mx.dest.example[192.0.2.4]:25: Connection timed out)"}},
		{"exim", []string{"2026-11-23 10:26:32 1XtYro-004Ecv-65 ** bob@dest.example R=dnslookup T=remote_smtp: SMTP error from remote mail server after MAIL FROM:<ann@src.example> SIZE=1604: host mail.dest.example [192.0.2.204]: 553 <ann@src.example> unable to verify address"}},
		{"sendmail", []string{"Nov 23 14:16:23 mx1 sendmail[4431]: 8ANDG1x4004431: ruleset=check_rcpt, arg1=<bob@dest.example>, relay=pc.src.example [192.0.2.7], reject=550 5.7.1 <bob@dest.example>... Relaying denied"}},
		{"qmail", []string{"@40000000419f13a504926324 delivery 3: deferral: 192.0.2.107_does_not_like_recipient./Remote_host_said:_451_Your_host_has_opened_too_many_sessions/Giving_up_on_192.0.2.107./"}},
		{"opensmtpd", []string{"Nov 23 14:16:23 mx1 smtpd[12]: 5a9d3c1e0b2f4d6a smtp failed-command command=\"RCPT TO:<bob@dest.example>\" result=\"550 Invalid recipient: <bob@dest.example>\""}},
		{"control_characters", []string{"550 5.1.1 \x1b[2Jno such user"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := run(t, append([]string{"explain"}, tt.args...)...)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "explain_"+tt.name+".txt", got)
		})
	}
}

func TestExplainErrors(t *testing.T) {
	const (
		noCode     = " is not a reply code; use three digits from 200 to 599, such as 451"
		noEnhanced = " is not an enhanced code; use three numbers, the first of them 2, 4 or 5, such as 4.7.1"
		noReply    = ` shows no reply; use a code such as 451, a reply such as "451 4.7.1 Try again later", or a line of a mail log in which one is`
	)
	cfg := &config.Config{}
	c, err := classify.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, what, want string }{
		{"beyond 599", "999", `"999"` + noCode},
		{"below 200", "150", `"150"` + noCode},
		{"two digits", "45", `"45"` + noCode},
		{"empty", "", `""` + noCode},
		{"two numbers", "4.7", `"4.7"` + noEnhanced},
		{"class 3", "3.7.1", `"3.7.1"` + noEnhanced},
		{"four numbers", "451 4.7.1.2", `"4.7.1.2"` + noEnhanced},
		{"code for enhanced", "451 451", `"451"` + noEnhanced},
		{"wrong order", "4.7.1 451", `"4.7.1 451"` + noReply},
		{"nonsense", "why does my mail bounce", `"why does my mail bounce"` + noReply},
		{"line without a reply", "Nov 23 14:16:23 mx1 postfix/qmgr[12]: 4BD8F1A2C3: removed", `"Nov 23 14:16:23 mx1 postfix/qmgr[12]: 4BD8F1A2C3: removed"` + noReply},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := explain(cfg, c, tt.what)
			if err == nil {
				t.Fatalf("no error; output:\n%s", got)
			}
			if err.Error() != tt.want {
				t.Errorf("error %q, want %q", err, tt.want)
			}
		})
	}
}
