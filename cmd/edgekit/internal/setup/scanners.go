package setup

import "slices"

// taught is what was learned of a scanner.
type taught struct {
	ID     string `json:"id"` // VENDOR:PRODUCT
	Layout string `json:"layout"`
}

// mostTaught bounds the scanners that are remembered: those that learned last.
const mostTaught = 8

// Scanner is what SetScanner was last told of a scanner; "": nothing.
func (s *State) Scanner(id string) (layout string) {
	s.read(func(c content) {
		for _, t := range c.Taught {
			if t.ID == id {
				layout = t.Layout
			}
		}
	})
	return layout
}

// SetScanner remembers the layout that was learned of a scanner, about 400 bytes.
func (s *State) SetScanner(id, layout string) error {
	return s.change(func(c *content) {
		c.Taught = append(slices.DeleteFunc(c.Taught, func(t taught) bool { return t.ID == id }), taught{id, layout})
		c.Taught = c.Taught[max(0, len(c.Taught)-mostTaught):]
	})
}
