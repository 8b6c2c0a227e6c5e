package machine

import "edgekit.internal/hardware/board"

// tell acts on a look at the board: the picture's load follows it, and each trouble is logged when it begins and when it is
// over.
func (m *Machine) tell(was, now board.Snapshot) {
	if now.Load != was.Load {
		m.cfg.SetPace(now.Load.Every())
	}
	switch before, words := was.Trouble(), now.Trouble(); {
	case words != "" && (before == "" || now.Load != was.Load):
		m.cfg.Log.Warn(words, "celsius", now.Celsius, "firmware", now.Throttled.String(), "load", now.Load.String())
	case words == "" && before != "":
		m.cfg.Log.Info("the board is well again", "celsius", now.Celsius)
	}
}
