package crowd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// stall is a network of so many places and its pages.
type stall struct {
	most   int
	phones []Phone
	open   map[string]bool
	acted  map[string]time.Time
	told   []string
	rested []string
	fails  bool
	now    time.Time
	*Crowd
}

func newStall(most int) *stall {
	s := &stall{most: most, open: map[string]bool{}, acted: map[string]time.Time{}, now: time.Unix(1_000_000, 0)}
	s.Crowd = New(s, s, slog.New(slog.DiscardHandler))
	return s
}

func (s *stall) Phones() ([]Phone, int) { return slices.Clone(s.phones), s.most }
func (s *stall) Rest(_ context.Context, mac string) error {
	if s.fails {
		return errors.New("no")
	}
	s.rested = append(s.rested, mac)
	s.phones = slices.DeleteFunc(s.phones, func(p Phone) bool { return p.MAC == mac })
	return nil
}
func (s *stall) Open(addr string) bool       { return s.open[addr] }
func (s *stall) Acted(addr string) time.Time { return s.acted[addr] }
func (s *stall) Leaving(addr string, in time.Duration) {
	s.told = append(s.told, fmt.Sprintf("%s %v", addr, max(in, -1)))
}

// join puts a phone in, with its page open or not.
func (s *stall) join(name string, open bool) {
	s.phones = append(s.phones, Phone{MAC: name, IP: "ip-" + name})
	s.open["ip-"+name] = open
}

// pass lets time pass, in which phones with an open page send, and the rule holds.
func (s *stall) pass(d time.Duration) {
	for end := s.now.Add(d); s.now.Before(end); {
		s.now = s.now.Add(look)
		for i := range s.phones {
			s.phones[i].Connected += look
			s.phones[i].Idle += look
			if s.open[s.phones[i].IP] {
				s.phones[i].Idle = 0
			}
		}
		s.step(context.Background(), s.now)
	}
}

func (s *stall) is(t *testing.T, what, rested, told string) {
	t.Helper()
	if r, w := strings.Join(s.rested, ", "), strings.Join(s.told, ", "); r != rested || w != told {
		t.Errorf("%s: let go %q, told %q; want %q, %q", what, r, w, rested, told)
	}
	s.rested, s.told = nil, nil
}

func TestNobodyGoesWhileThereIsAPlace(t *testing.T) {
	s := newStall(3)
	s.join("a", false)
	s.join("b", true)
	s.pass(2 * time.Hour)
	s.is(t, "two of three", "", "")
}

// TestThePhoneNobodyLooksAtGoesFirst, without a word: there is no page to say it.
func TestThePhoneNobodyLooksAtGoesFirst(t *testing.T) {
	s := newStall(3)
	s.join("watcher", true)
	s.join("pocket", false)
	s.pass(time.Minute)
	s.join("new", true)
	s.pass(time.Minute)
	s.is(t, "just come", "", "")
	s.pass(2 * time.Minute)
	s.is(t, "after a while", "pocket", "ip-pocket 0s")
	s.pass(time.Hour)
	s.is(t, "there is a place now", "", "")
}

// TestAWatcherIsAskedAndMayStay by a tap, or because somebody else goes.
func TestAWatcherIsAskedAndMayStay(t *testing.T) {
	s := newStall(2)
	s.join("a", true)
	s.pass(time.Minute)
	s.join("b", true)
	s.pass(watched - time.Minute - look)
	s.is(t, "not long enough", "", "")
	s.pass(2 * look)
	s.is(t, "asked", "", "ip-a 20s")
	s.acted["ip-a"] = s.now
	s.pass(look)
	s.is(t, "tapped", "", "ip-a -1ns")
	s.pass(time.Minute)
	s.is(t, "the other", "", "ip-b 20s")
	s.phones = s.phones[1:]
	s.pass(look)
	s.is(t, "a place is free", "", "ip-b -1ns")
	s.join("c", true)
	s.pass(full + look)
	s.is(t, "asked again", "", "ip-b 20s")
	s.pass(notice)
	s.is(t, "it went", "b", "ip-b 0s")
}

func TestWhoHasJustBoughtStays(t *testing.T) {
	s := newStall(2)
	s.join("buyer", false)
	s.join("b", true)
	s.pass(settle - look)
	s.acted["ip-buyer"] = s.now
	s.pass(settle - look)
	s.is(t, "bought, and put the phone away", "", "")
	s.pass(2 * look)
	s.is(t, "long after", "buyer", "ip-buyer 0s")
}

func TestAFailureIsTriedAgain(t *testing.T) {
	s := newStall(1)
	s.join("a", false)
	s.fails = true
	s.pass(settle + 2*look)
	s.fails, s.told = false, nil
	s.pass(2 * look)
	s.is(t, "then", "a", "ip-a 0s")
}

// TestTheRule in any course of things: nobody goes who has a place to spare, has just come, or has just tapped; who has a page
// open is told in time.
func TestTheRule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newStall(rapid.IntRange(1, 4).Draw(t, "most"))
		warned := map[string]time.Time{}
		for i := range rapid.IntRange(1, 60).Draw(t, "events") {
			switch what := rapid.IntRange(0, 3).Draw(t, "what"); {
			case what == 0 && len(s.phones) < s.most:
				s.join(fmt.Sprint("p", i), rapid.Bool().Draw(t, "open"))
			case what == 1 && len(s.phones) > 0:
				s.acted[rapid.SampledFrom(s.phones).Draw(t, "who").IP] = s.now
			case what == 2 && len(s.phones) > 0:
				ip := rapid.SampledFrom(s.phones).Draw(t, "whose").IP
				s.open[ip] = !s.open[ip]
			}
			for range rapid.IntRange(1, 400).Draw(t, "looks") {
				before := slices.Clone(s.phones)
				s.pass(look)
				for _, told := range s.told {
					ip, in, _ := strings.Cut(told, " ")
					if in == notice.String() {
						warned[ip] = s.now
					}
				}
				for _, mac := range s.rested {
					p := before[slices.IndexFunc(before, func(p Phone) bool { return p.MAC == mac })]
					if len(before) < s.most || p.Connected+look < settle || s.now.Sub(s.acted[p.IP]) < settle {
						t.Fatalf("%+v went: %d of %d on, tapped %v ago", p, len(before), s.most, s.now.Sub(s.acted[p.IP]))
					}
					if s.open[p.IP] && s.now.Sub(warned[p.IP]) > notice+look {
						t.Fatalf("%+v went without a word", p)
					}
				}
				s.told, s.rested = nil, nil
			}
		}
	})
}
