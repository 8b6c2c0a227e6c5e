package setup

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"regexp"
)

var codeForm = regexp.MustCompile(`^[0-9]{3}-[0-9]{3}$`)

// Code is the code that the next device pairs with, NNN-NNN. It stays the same through restarts until it was used, or lost
// to wrong tries: the one on a slip, printed before the power went, is still good. Whoever holds that slip may pair, once.
func (s *State) Code() string {
	code := ""
	s.read(func(c content) { code = c.Code })
	if !codeForm.MatchString(code) { // none yet, or a file that says nonsense
		code = s.renew(false)
	}
	return code
}

// Next makes a new code of chance, and returns it. used tells that a device has paired with the old one.
func (s *State) Next(used bool) string { return s.renew(used) }

func (s *State) renew(used bool) string {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		panic("setup: " + err.Error()) // crypto/rand never fails, by its contract
	}
	code := fmt.Sprintf("%03d-%03d", n.Int64()/1000, n.Int64()%1000)
	err = s.change(func(c *content) { c.Code, c.Paired = code, c.Paired || used })
	if err != nil {
		s.log.Warn("the new pairing code holds until the next start only", "err", err)
	}
	return code
}

// Paired tells whether any device ever was.
func (s *State) Paired() (paired bool) {
	s.read(func(c content) { paired = c.Paired })
	return paired
}
