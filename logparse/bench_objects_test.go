package logparse_test

import (
	"bytes"
	"testing"

	"smtp_reply_exporter/logparse"
)

// BenchmarkObjects takes the envelope off objects of shippers whose message no grammar
// reads. BenchmarkObjectEnds only finds the line ends in the same bytes, for comparison.
func BenchmarkObjects(b *testing.B) {
	benchmarkObjects(b, func() func([]byte) {
		p := logparse.NewParser()
		return func(line []byte) { p.Parse(line) }
	})
}

func BenchmarkObjectEnds(b *testing.B) {
	benchmarkObjects(b, func() func([]byte) { return func([]byte) {} })
}

func benchmarkObjects(b *testing.B, reader func() func([]byte)) {
	const line = `Nov 23 14:16:23 mx1 policyd[323]: action=DUNNO, reason=\"triplet found\", delay=300s, client=mx.src.example[192.0.2.7], sender=a@src.example, recipient=bob@dest.example`
	for _, object := range []struct{ name, line string }{
		{"docker", `{"log":"` + line + `\n","stream":"stdout","time":"2026-11-23T14:16:23.001575881Z"}`},
		{"journal", `{"_CMDLINE":"/usr/sbin/policyd","__MONOTONIC_TIMESTAMP":"5259203693","_COMM":"policyd","__REALTIME_TIMESTAMP":"1795446954276061",` +
			`"_UID":"0","_CAP_EFFECTIVE":"1fffeffffff","_BOOT_ID":"00004510045242508550000000004518","MESSAGE":"` + line[len("Nov 23 14:16:23 mx1 policyd[323]: "):] +
			`","SYSLOG_IDENTIFIER":"policyd","_GID":"0","_MACHINE_ID":"45145225055042100000000000004518","_EXE":"/usr/sbin/policyd","_PID":"323",` +
			`"_SYSTEMD_UNIT":"policyd.service","_SYSTEMD_CGROUP":"/system.slice/policyd.service","__CURSOR":"s=d820d7d4390e49ca9aa22096c7ebe641;i=1;b=0;m=13979146d;t=660f311ec34dd;x=bd3b6f236374b3e5",` +
			`"_HOSTNAME":"mx1","PRIORITY":"6","SYSLOG_FACILITY":"2","_TRANSPORT":"syslog"}`},
		{"filebeat", `{"@timestamp":"2026-11-23T14:16:24.123Z","@metadata":{"beat":"filebeat","type":"_doc","version":"8.15.0"},"host":{"name":"mx1","os":{"family":"debian"}},` +
			`"agent":{"type":"filebeat","version":"8.15.0","ephemeral_id":"8f3c","id":"1a2b"},"ecs":{"version":"8.0.0"},"input":{"type":"filestream"},"log":{"offset":7,"file":{"path":"/var/log/mail.log"}},"message":"` + line + `"}`},
		{"rsyslog", `{"msg":"` + line[len("Nov 23 14:16:23 mx1 policyd[323]: "):] + `","rawmsg":"<22>` + line + `","timereported":"2026-11-23T14:16:23.123456+00:00","hostname":"mx1","syslogtag":"policyd[323]:","inputname":"imuxsock","fromhost":"mx1","fromhost-ip":"127.0.0.1","pri":"22","syslogfacility":"2","syslogseverity":"6","timegenerated":"2026-11-23T14:16:23.123456+00:00","programname":"policyd","protocol-version":"0","structured-data":"-","app-name":"policyd","procid":"323","msgid":"-","uuid":null,"$!":null}`},
	} {
		b.Run(object.name, func(b *testing.B) {
			log := bytes.Repeat([]byte(object.line+"\n"), 1000)
			read := reader()
			b.SetBytes(int64(len(log)))
			b.ReportAllocs()
			for b.Loop() {
				for rest := log; len(rest) > 0; {
					end := bytes.IndexByte(rest, '\n')
					read(rest[:end])
					rest = rest[end+1:]
				}
			}
		})
	}
}
