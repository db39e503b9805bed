package counter

import (
	"slices"

	"smtp_reply_exporter/exporter/classify/reason"
	"smtp_reply_exporter/logparse"
)

// The limits on a source's series. Strangers and local users choose what a log shows, so
// each family has a limit that holds whatever they write. A new label set that does not
// fit loses its labels one after another: enhanced code, command, program, provider, a
// code that the catalogue lacks, the host, the reason. Series that exist never change.
//
// Room is reserved for the codes of the catalogue, and for 451 and 452 by reason. The
// narrow families have room for the catalogue of each MTA. The families by reason have
// room for the catalogue of two MTAs, and for 451 and 452 by reason of five. Those by
// detail have room for both of one MTA, or of two for replies received.
//
// With a host, each family has 20,000 series in all. There, the reserved room above is for
// the host other. For each of 200 hosts with one MTA there is room for the pairs in the
// alerts, 18 in each direction at most, for two peers; and for some 30 further pairs, so that
// neither the codes that strangers choose nor the details of one host cost another its pairs.
var (
	sentDetailLimits = limits{
		rooms{free: 400, paired: 130, catalogue: 215, wanted: 155, last: 100},                                     // 1,000
		rooms{free: 5_000, paired: 130, catalogue: 215, wanted: 155, hostPaired: 6_200, ofHost: 7_200, last: 100}, // 19,000
	}
	receivedDetailLimits = limits{
		rooms{free: 1150, paired: 250, catalogue: 290, wanted: 240, last: 70},                                    // 2,000
		rooms{free: 4_450, paired: 250, catalogue: 290, wanted: 240, hostPaired: 5_500, ofHost: 7_200, last: 70}, // 18,000
	}
	byReasonLimits = limits{
		rooms{free: 450, paired: 280, catalogue: 430, wanted: 740, last: 100},                                     // 2,000
		rooms{free: 3_250, paired: 280, catalogue: 430, wanted: 740, hostPaired: 6_000, ofHost: 7_200, last: 100}, // 18,000
	}
	deliveryLimits = limits{
		rooms{free: 430, paired: 140, catalogue: 145, wanted: 125, last: 160},                                     // 1,000
		rooms{free: 5_630, paired: 140, catalogue: 145, wanted: 125, hostPaired: 5_600, ofHost: 7_200, last: 160}, // 19,000
	}
	refusalLimits = limits{
		rooms{free: 57, wanted: 108, last: 135},                                      // 300
		rooms{free: 6_257, wanted: 108, hostPaired: 6_000, ofHost: 7_200, last: 135}, // 19,700
	}

	// Without a host, for each MTA. The catalogue has 73 codes, other four classes, and there
	// are three peers. The 15 MTAs leave 12,500 series with a host.
	replyLimits = limits{
		rooms{free: 269, catalogue: 219, last: 12},                                        // 500
		rooms{free: 1_535, catalogue: 3_285, hostPaired: 5_500, ofHost: 2_000, last: 180}, // 12,500
	}
	dialogueLimits = limits{
		rooms{free: 420, catalogue: 76, last: 4},                          // 500
		rooms{free: 6_300, catalogue: 1_140, hostPaired: 5_000, last: 60}, // 12,500
	}
)

const (
	maxPrograms = 32
	maxProgram  = 64 // bytes
)

// Label values that stand for many values, or for no value.
const (
	other = "other"
	none  = "none"
)

// OtherEnhanced stands for the enhanced codes that the catalogue lacks. No reply can
// have its class.
var OtherEnhanced = logparse.EnhancedCode{Class: 9}

// otherCode stands for folded codes in the families without the label class. In the
// others, the digits 2 to 5 alone stand for the folded codes of that class.
const otherCode logparse.Code = 1

// IsOther reports whether a code stands for folded codes.
func IsOther(code logparse.Code) bool { return otherCode <= code && code <= 5 }

// otherOfClass returns the code that stands for the folded codes of the code's class.
func otherOfClass(code logparse.Code) logparse.Code { return logparse.Code(code.Class()) }

// isOdd reports whether the catalogue lacks a code.
func isOdd(code logparse.Code) bool {
	_, known := code.Info()
	return code != 0 && !IsOther(code) && !known
}

// foldReason returns what the reason of a code is folded to. Positive replies have no
// reason but reason.OK.
func foldReason(code logparse.Code, r string) string {
	positive := code.Class() == 2 || code.Class() == 3 || code == 2 || code == 3
	if positive || code == otherCode && r == reason.OK {
		return reason.OK
	}
	return other
}

func isFoldedReason(code logparse.Code, r string) bool { return r == foldReason(code, r) }

func isWanted(code logparse.Code) bool { return code == 451 || code == 452 }

// tier returns the tier of a code. alerts are the pairs in the bundled alert rules.
func (r Reply) tier(alerts []CodeReason) tier {
	switch {
	case isOwn(r.Host):
		if slices.ContainsFunc(alerts, func(pair CodeReason) bool { return pair.Code == r.Code }) {
			return ofHost
		}
		return ofCatalogue(r.Code)
	case IsOther(r.Code):
		return last
	case isOdd(r.Code):
		return free
	}
	return catalogue
}

// ofCatalogue returns the tier of a code of one host that is in no alert.
func ofCatalogue(code logparse.Code) tier {
	if isOdd(code) || IsOther(code) {
		return free
	}
	return hostPaired
}

// tier returns the tier of a pair. alerts are the pairs in the bundled alert rules.
func (r ByReason) tier(alerts []CodeReason) tier {
	switch {
	case isOwn(r.Host):
		if slices.Contains(alerts, r.CodeReason) {
			return ofHost
		}
		return ofCatalogue(r.Code)
	case isWanted(r.Code) || slices.Contains(alerts, r.CodeReason):
		return wanted
	case isOdd(r.Code) || IsOther(r.Code) && !isFoldedReason(r.Code, r.Reason):
		return free
	case IsOther(r.Code):
		return last
	case !isFoldedReason(r.Code, r.Reason):
		return paired
	}
	return catalogue
}

// fold folds one more label. It keeps the codes of the catalogue.
func (d Detail) fold() (Detail, bool) {
	switch {
	case d.Enhanced != OtherEnhanced:
		d.Enhanced = OtherEnhanced
	case d.Command != logparse.OtherCommand:
		d.Command = logparse.OtherCommand
	case d.Program != other:
		d.Program = other
	case d.Provider != other && d.Provider != "":
		d.Provider = other
	case isOdd(d.Code):
		d.Code = otherCode
	case isOwn(d.Host):
		d.Host = other
	case !isFoldedReason(d.Code, d.Reason):
		d.Reason = foldReason(d.Code, d.Reason)
	default:
		return d, false
	}
	return d, true
}

// tier returns the tier of details: of their pair if all other labels are folded.
func (d Detail) tier(alerts []CodeReason) tier {
	if d.Enhanced == OtherEnhanced && d.Command == logparse.OtherCommand && d.Program == other &&
		(d.Provider == other || d.Provider == "") {
		return d.byReason().tier(alerts)
	}
	return free
}

// fold folds one more label. The code of a delivery that nobody answered stays none.
func (d Delivery) fold() (Delivery, bool) {
	switch {
	case d.Provider != other:
		d.Provider = other
	case isOdd(d.Code):
		d.Code = otherOfClass(d.Code)
	case isOwn(d.Host):
		d.Host = other
	case !isFoldedReason(d.Code, d.Reason):
		d.Reason = foldReason(d.Code, d.Reason)
	case d.Code != 0 && !IsOther(d.Code):
		d.Code = otherOfClass(d.Code)
	default:
		return d, false
	}
	return d, true
}

func (d Delivery) tier() tier {
	switch {
	case d.Provider != other:
		return free
	case isOwn(d.Host):
		if slices.Contains(receivedAlerts, CodeReason{d.Code, d.Reason}) {
			return ofHost
		}
		return ofCatalogue(d.Code)
	case isOdd(d.Code) || IsOther(d.Code) && !isFoldedReason(d.Code, d.Reason):
		return free
	case IsOther(d.Code) || d.Code == 0 && isFoldedReason(d.Code, d.Reason):
		return last
	case isWanted(d.Code) || d.Code == 0:
		return wanted
	case !isFoldedReason(d.Code, d.Reason):
		return paired
	}
	return catalogue
}

func (d Dialogue) fold() (Dialogue, bool) {
	switch {
	case d.Command != logparse.OtherCommand:
		d.Command = logparse.OtherCommand
	case isOdd(d.Code):
		d.Code = otherOfClass(d.Code)
	case isOwn(d.Host):
		d.Host = other
	default:
		return d, false
	}
	return d, true
}

func (d Dialogue) tier() tier {
	switch {
	case d.Command != logparse.OtherCommand || isOdd(d.Code):
		return free
	case isOwn(d.Host):
		return ofCatalogue(d.Code)
	case IsOther(d.Code):
		return last
	}
	return catalogue
}

// fold folds one more label. It keeps the class.
func (r Refusal) fold() (Refusal, bool) {
	switch {
	case r.Command != logparse.OtherCommand:
		r.Command = logparse.OtherCommand
	case isOwn(r.Host):
		r.Host = other
	case r.Reason != other:
		r.Reason = other
	default:
		return r, false
	}
	return r, true
}

func (r Refusal) tier() tier {
	ofAlert := r.Class == 4 && slices.Contains(refusalAlerts, r.Reason) && slices.Contains(refused, r.Command)
	switch {
	case isOwn(r.Host) && ofAlert:
		return ofHost
	case isOwn(r.Host) && r.Command == logparse.OtherCommand:
		return hostPaired
	case isOwn(r.Host):
		return free
	case r.Command == logparse.OtherCommand && r.Reason == other:
		return last
	case ofAlert:
		return wanted
	}
	return free
}
