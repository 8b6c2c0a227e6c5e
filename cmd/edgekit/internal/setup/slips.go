package setup

// slip is how far a slip about the set-up has come.
type slip struct {
	Of    string `json:"of"`    // what it tells: when that changes, there is a new slip
	Out   bool   `json:"out"`   // it is on paper
	Tries int    `json:"tries"` // times that it was being sent and nothing more is known
}

// mostTries is how often a slip is sent whose end was never seen: a kit that goes down whenever it prints must not eat its
// roll.
const mostTries = 3

// The slips there are.
const (
	SetupSlip   = "setup"
	RefusalSlip = "refusal"
)

// Due tells whether a slip about something is still to be printed, and whether it may be on paper already.
func (s *State) Due(kind, of string) (due, again bool) {
	s.read(func(c content) {
		was := c.Slips[kind]
		switch {
		case was.Of != of:
			due = true
		case !was.Out:
			due, again = was.Tries < mostTries, was.Tries > 0
		}
	})
	return due, again
}

// Last is what the last slip of a kind was about; empty: there was none.
func (s *State) Last(kind string) (of string) {
	s.read(func(c content) { of = c.Slips[kind].Of })
	return of
}

// Sending notes durably that a slip is going to the printer. It is called before the first byte does.
func (s *State) Sending(kind, of string) error {
	return s.change(func(c *content) {
		was := c.Slips[kind]
		if was.Of != of {
			was = slip{Of: of}
		}
		was.Tries++
		c.Slips[kind] = was
	})
}

// Sent notes what became of it: it is on paper, or nothing of it went out.
func (s *State) Sent(kind, of string, out bool) error {
	return s.change(func(c *content) {
		was := c.Slips[kind]
		was.Of, was.Out = of, out
		if !out && was.Tries > 0 {
			was.Tries--
		}
		c.Slips[kind] = was
	})
}
