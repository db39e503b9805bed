package dashboards

// fleet is the number of hosts of a job.
const fleet = 200

// A fault is what fires at once, in a job of the fault's name, and the messages about it:
// how many alerts each has, by receiver and labels of its group.
type fault struct {
	job      string
	fires    []firing
	messages map[string]int
}

// A firing is an alert on the hosts from first to last. Labels are "name=value"; an empty
// value removes the label.
type firing struct {
	first, last int
	alert       string
	labels      []string
}

// The cause comes first, which is also all of its group: Alertmanager gets it before the
// others.
var faults = []fault{
	{"full disk on one host, by a stolen account", []firing{
		{17, 17, "SMTP452SentSystemStorage", []string{"code=452", "reason=system_storage"}},
		{17, 17, "SMTP451SentSystemStorage", []string{"code=451", "reason=system_storage"}},
		{17, 17, "SMTP451SentPolicy", []string{"code=451", "reason=policy"}},
		{17, 17, "SMTPSentRefusedShare", nil},
		{17, 17, "SMTPInternalHopFailing", nil},
		{17, 17, "SMTPSentAuthenticatedSurge", []string{"service=mail", "severity=warning", "area=sent"}},
		{17, 17, "SMTPReplyExporterStateNotDurable", []string{"source="}},
	}, map[string]int{"pager SMTP452SentSystemStorage": 1, "chat SMTPSentAuthenticatedSurge": 1}},
	{"full disk of one host in a central log", []firing{
		{1, 1, "SMTP452SentSystemStorage", []string{"host=mx1", "code=452", "reason=system_storage"}},
		{1, 1, "SMTP451SentSystemError", []string{"host=mx1", "code=451", "reason=system_error"}},
		{1, 1, "SMTP451SentSystemError", []string{"host=mx2", "code=451", "reason=system_error"}},
		{1, 1, "SMTPReplyExporterStateNotDurable", []string{"source="}},
	}, map[string]int{"pager SMTP452SentSystemStorage": 1, "pager SMTP451SentSystemError": 1, "chat SMTPReplyExporterStateNotDurable": 1}},
	{"resolver dead on all hosts", []firing{
		{1, fleet, "SMTP451SentDNS", []string{"code=451", "reason=dns"}},
		{1, fleet, "SMTPSentRefusedShare", nil},
		{1, fleet, "SMTPProviderDefersAll", []string{"provider=google"}},
		{1, fleet, "SMTPProviderDefersAll", []string{"provider=other"}},
		{1, fleet, "SMTPDeliveries4xxShare", []string{"class=4xx"}},
	}, map[string]int{"pager SMTP451SentDNS": fleet}},
	{"one provider defers all hosts", []firing{
		{1, fleet, "SMTPProviderDefersAll", []string{"provider=google"}},
		{1, fleet, "SMTP451ReceivedRateLimited", []string{"provider=google", "code=451", "reason=rate_limited"}},
		{1, fleet, "SMTP421Received", []string{"provider=google", "code=421", "reason=rate_limited"}},
		{1, fleet, "SMTPDeliveries4xxShare", []string{"class=4xx"}},
	}, map[string]int{"chat SMTPProviderDefersAll google": fleet}},
	{"two providers throttle some hosts", []firing{
		{1, 30, "SMTP451ReceivedRateLimited", []string{"provider=google", "code=451", "reason=rate_limited"}},
		{20, 60, "SMTP451ReceivedRateLimited", []string{"provider=microsoft", "code=451", "reason=rate_limited"}},
	}, map[string]int{"chat SMTP451ReceivedRateLimited google": 30, "chat SMTP451ReceivedRateLimited microsoft": 41}},
	{"one provider defers the pool", []firing{
		{1, 1, defersPool, []string{"instance=", "source=", "provider=google", "service=mail", "severity=warning", "area=received"}},
		{1, fleet, "SMTPProviderDefersAll", []string{"provider=google"}},
		{1, fleet, "SMTPReceivedBlocklisted", []string{"provider=google", "reason=blocklist"}},
		{1, fleet, "SMTPDeliveries4xxShare", []string{"class=4xx"}},
	}, map[string]int{"chat " + defersPool + " google": 1, "chat SMTPReceivedBlocklisted google": fleet}},
	{"all exporters down", []firing{
		{1, fleet, "SMTPReplyExporterDown", []string{"source=", "severity=critical"}},
		{1, fleet, "SMTPReplyExporterLogSilent", nil},
	}, map[string]int{"pager SMTPReplyExporterDown": fleet}},
	{"half of the exporters down", []firing{
		{1, fleet / 2, "SMTPReplyExporterDown", []string{"source=", "severity=critical"}},
		{1, 5, "SMTPReplyExporterDown", []string{"source=", "severity=warning"}},
		{1, fleet / 2, "SMTPDeliveries5xxShare", []string{"class=5xx"}},
	}, map[string]int{"pager SMTPReplyExporterDown": fleet / 2}},
	{"one host down, with other alerts", []firing{
		{9, 9, "SMTPReplyExporterDown", []string{"source=", "severity=warning"}},
		{9, 9, "SMTPReplyExporterLogSilent", nil},
		{9, 9, "SMTPReplyExporterReloadFailed", []string{"source="}},
		{9, 9, "SMTPProviderDefersAll", []string{"provider=google"}},
		{9, 9, "SMTPDeliveries4xxShare", []string{"class=4xx"}},
		{9, 9, "SMTPSentRefusedShare", nil},
	}, map[string]int{"chat SMTPReplyExporterDown": 1}},
	{"scrapes fail on a full disk", []firing{
		{9, 9, "SMTPReplyExporterDown", []string{"source=", "severity=warning"}},
		{9, 9, "SMTP452SentSystemStorage", []string{"code=452", "reason=system_storage"}},
	}, map[string]int{"chat SMTPReplyExporterDown": 1, "pager SMTP452SentSystemStorage": 1}},
	{"a bad configuration on all hosts", []firing{
		{1, fleet, "SMTPReplyExporterReloadFailed", []string{"source="}},
	}, map[string]int{"chat SMTPReplyExporterReloadFailed": fleet}},
	{"strangers at all hosts", []firing{
		{1, fleet, "SMTP451SentPolicy", []string{"code=451", "reason=policy"}},
	}, map[string]int{"chat SMTP451SentPolicy": fleet}},
	{"hosts of one name in two clusters", []firing{
		{1, 1, "SMTP452SentSystemStorage", []string{"cluster=east", "code=452", "reason=system_storage"}},
		{1, 1, "SMTP451SentSystemError", []string{"cluster=east", "code=451", "reason=system_error"}},
		{1, 1, "SMTP451SentSystemError", []string{"cluster=west", "code=451", "reason=system_error"}},
	}, map[string]int{"pager SMTP452SentSystemStorage east": 1, "pager SMTP451SentSystemError west": 1}},
}

const (
	watchdog   = "SMTPReplyExporterWatchdog"
	defersPool = "SMTPProviderDefersPool" // it has no instance
)
