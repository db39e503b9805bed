package logparse

import "bytes"

// ownerOf returns the MTA that logged a message: by its program or, in logs that
// name none, by the form of its message. Nobody but who writes the log chooses
// either of them.
func ownerOf(env *Envelope) mta {
	if env.Program == nil {
		return ownerOfBare(env)
	}
	program := env.Program
	if bytes.HasPrefix(program, []byte("postfix")) {
		return mtaPostfix
	}
	if i := bytes.LastIndexByte(program, '/'); i >= 0 && services[string(program[i+1:])] {
		return mtaPostfix
	}
	if sendmailProgram(program) {
		return mtaSendmail
	}
	switch string(program) {
	case "exim", "exim4":
		return mtaExim
	case "smtpd":
		return mtaOpenSMTPD
	case "haraka":
		return mtaHaraka
	case "maddy":
		return mtaMaddy
	case "msmtp":
		return mtaMsmtp
	case "dma":
		return mtaDMA
	case "rblsmtpd", "spamdyke":
		return mtaQmail
	case "kumod":
		return mtaKumoMTA
	}
	switch {
	case bytes.HasPrefix(program, []byte("courier")):
		return mtaCourier
	case ownsMaddy(env):
		return mtaMaddy
	case bytes.HasPrefix(program, []byte("qmail")):
		return mtaQmail
	case bytes.HasPrefix(program, []byte("mail_logs")):
		return mtaESA
	}
	return noMTA
}

// ownerOfBare knows the logs that MTAs write themselves.
func ownerOfBare(env *Envelope) mta {
	switch {
	case isKumoMTA(env.Message):
		return mtaKumoMTA
	case isESA(env.Message):
		return mtaESA
	case isQmail(env): // before queue ids, which its "tcpserver: " looks like
		return mtaQmail
	}
	switch {
	case isPostfixMessage(env.Message):
		return mtaPostfix
	case isHaraka(env.Message):
		return mtaHaraka
	case ownsMaddy(env):
		return mtaMaddy
	case msmtpStart(env, env.Message) >= 0:
		return mtaMsmtp
	case env.Time.separated() && isEximMessage(env.Message):
		return mtaExim
	case isExchange(env.Message):
		return mtaExchange
	case isHMailServer(env.Message):
		return mtaHMailServer
	case isPowerMTA(env.Message):
		return mtaPowerMTA
	case isOpenSMTPD(env.Message):
		return mtaOpenSMTPD
	}
	return noMTA
}
