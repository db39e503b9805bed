package logparse

import "fmt"

// A grammar reads the messages of one MTA. It is the place of what is known of
// that MTA's logs, and its only state is in its tables.
type grammar interface {
	// parse adds the events of the line that it shares with the Parser. It
	// returns the shape of one that looks as if it told a reply and is not
	// understood, else "".
	parse() (shape string)
	// tables returns what is remembered between lines, in a constant order.
	tables() []remembered
}

// mta is an index of mtas.
type mta uint8

const (
	mtaPostfix mta = iota
	mtaCourier
	mtaDMA
	mtaESA
	mtaExchange
	mtaExim
	mtaHaraka
	mtaHMailServer
	mtaKumoMTA
	mtaMaddy
	mtaMsmtp
	mtaOpenSMTPD
	mtaPowerMTA
	mtaQmail
	mtaSendmail
	numMTAs
	noMTA = numMTAs
)

var mtas = [numMTAs]struct {
	name    string
	shapes  []string // that can be not understood
	grammar func(*line) grammar
}{
	mtaPostfix:     {"postfix", postfixShapes, newPostfix},
	mtaCourier:     {"courier", courierShapes, newCourier},
	mtaDMA:         {"dma", dmaShapes, newDMA},
	mtaESA:         {"cisco_esa", esaShapes, newESA},
	mtaExchange:    {"exchange", exchangeShapes, newExchange},
	mtaExim:        {"exim", eximShapes, newExim},
	mtaHaraka:      {"haraka", harakaShapes, newHaraka},
	mtaHMailServer: {"hmailserver", hMailServerShapes, newHMailServer},
	mtaKumoMTA:     {"kumomta", kumoMTAShapes, newKumoMTA},
	mtaMaddy:       {"maddy", maddyShapes, newMaddy},
	mtaMsmtp:       {"msmtp", msmtpShapes, newMsmtp},
	mtaOpenSMTPD:   {"opensmtpd", openSMTPDShapes, newOpenSMTPD},
	mtaPowerMTA:    {"powermta", powerMTAShapes, newPowerMTA},
	mtaQmail:       {"qmail", qmailShapes, newQmail},
	mtaSendmail:    {"sendmail", sendmailShapes, newSendmail},
}

// MTAs returns the names of the MTAs whose logs are understood.
func MTAs() []string {
	names := make([]string, numMTAs)
	for m := range mtas {
		names[m] = mtas[m].name
	}
	return names
}

// Shapes returns the forms of an MTA's lines that can be not understood.
func Shapes(name string) []string {
	for m := range mtas {
		if mtas[m].name == name {
			return mtas[m].shapes
		}
	}
	return nil
}

func mtaNamed(name string) mta {
	for m := range mtas {
		if mtas[m].name == name {
			return mta(m)
		}
	}
	panic(fmt.Sprintf("logparse: no MTA %q", name))
}
