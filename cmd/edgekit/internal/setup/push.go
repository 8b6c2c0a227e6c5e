package setup

// PushOff tells whether an operator has switched the stream to viewers elsewhere off.
func (s *State) PushOff() (off bool) {
	s.read(func(c content) { off = c.PushOff })
	return off
}

// SetPushOff remembers it.
func (s *State) SetPushOff(off bool) {
	if err := s.change(func(c *content) { c.PushOff = off }); err != nil {
		s.log.Warn("whether the stream goes out is known until the next start only", "err", err)
	}
}
