package setup

import (
	"slices"
)

// maxStaff bounds the phones that are remembered: those that paired last.
const maxStaff = 16

// Staff are the phones in the kit's own Wi-Fi whose people have paired with the console from there: their addresses in that network,
// which they have made up for it. They reach the console's door, where others do not find one. The newest is the last.
func (s *State) Staff() (macs []string) {
	s.read(func(c content) { macs = slices.Clone(c.Staff) })
	return macs
}

// AddStaff remembers one more.
func (s *State) AddStaff(mac string) {
	if all := s.Staff(); len(all) > 0 && all[len(all)-1] == mac {
		return
	}
	err := s.change(func(c *content) {
		c.Staff = append(slices.DeleteFunc(c.Staff, func(m string) bool { return m == mac }), mac)
		c.Staff = c.Staff[max(0, len(c.Staff)-maxStaff):]
	})
	if err != nil {
		s.log.Warn("an operator's phone is known until the next start only", "err", err)
	}
}
