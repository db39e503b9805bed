package pipeline

import "smtp_reply_exporter/logparse"

// A shownVersion is a version of an MTA that the log of a source has shown.
type shownVersion struct{ source, mta, version string }

// maxShownVersions bounds what a log of many MTAs can make the Pipeline say.
const maxShownVersions = 100

// noteVersion says once if a line shows that an MTA is newer than what real logs judged:
// some of its lines may have forms that no one has seen yet.
func (p *Pipeline) noteVersion(source string, r *logparse.Result) {
	judged, newer := logparse.NewerThanJudged(r.MTA, r.Version)
	if !newer {
		return
	}
	shown := shownVersion{source, r.MTA, string(r.Version)}
	if p.shown[shown] || len(p.shown) >= maxShownVersions {
		return
	}
	if p.shown == nil {
		p.shown = map[shownVersion]bool{}
	}
	p.shown[shown] = true
	p.logger.Warn("the MTA is newer than the newest version judged by real logs",
		"source", source, "mta", r.MTA, "version", shown.version, "judged", judged)
}
