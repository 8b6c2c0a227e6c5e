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
	looked map[string]time.Time
	acted  map[string]time.Time
	chatty map[string]bool // phones whose apps send every few seconds, whoever looks
	told   []string
	rested []string
	fails  bool
	now    time.Time
	*Crowd
}

func newStall(most int) *stall {
	s := &stall{most: most, open: map[string]bool{}, looked: map[string]time.Time{}, acted: map[string]time.Time{}, chatty: map[string]bool{}, now: time.Unix(1_000_000, 0)}
	s.Crowd = New(s, s, 10*time.Minute, slog.New(slog.DiscardHandler))
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
func (s *stall) Open(addr string) bool        { return s.open[addr] }
func (s *stall) Looked(addr string) time.Time { return s.looked[addr] }
func (s *stall) Acted(addr string) time.Time  { return s.acted[addr] }
func (s *stall) Leaving(addr string, in time.Duration) {
	s.told = append(s.told, fmt.Sprintf("%s %v", addr, max(in, -1)))
}

// join puts a phone in, with its page open or not.
func (s *stall) join(name string, open bool) {
	s.phones = append(s.phones, Phone{MAC: name, IP: "ip-" + name})
	s.open["ip-"+name] = open
}

// act has a phone's person tap.
func (s *stall) act(addr string) { s.looked[addr], s.acted[addr] = s.now, s.now }

// pass lets time pass, in which phones with an open page send, and chatty ones, and the rule holds.
func (s *stall) pass(d time.Duration) {
	for end := s.now.Add(d); s.now.Before(end); {
		s.now = s.now.Add(look)
		for i := range s.phones {
			s.phones[i].Connected += look
			s.phones[i].Idle += look
			if p := &s.phones[i]; s.open[p.IP] || s.chatty[p.MAC] && p.Idle > 28*time.Second {
				p.Idle = 0
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

// TestPhonesInPocketsGiveWay although their apps never stop to send: those nobody has looked at the kit with, one after the other.
func TestPhonesInPocketsGiveWay(t *testing.T) {
	s := newStall(3)
	for _, name := range []string{"a", "b"} {
		s.chatty[name] = true
		s.join(name, false)
	}
	s.pass(s.unlooked() - time.Minute)
	s.looked["ip-a"] = s.now // a page that is told no news, such as the one that opens by itself
	s.join("new", true)
	s.pass(time.Minute - look)
	s.is(t, "not long enough", "", "")
	s.pass(look)
	s.is(t, "nobody looks", "b", "ip-b 0s")
	s.join("newer", true)
	s.pass(s.unlooked())
	s.is(t, "nobody looks any more", "a", "ip-a 0s")
}

// TestWhoLooksWithoutNewsIsAWatcher too: a page whose browser is told none asks for it itself.
func TestWhoLooksWithoutNewsIsAWatcher(t *testing.T) {
	s := newStall(1)
	s.join("a", false)
	s.chatty["a"] = true
	for s.now.Before(time.Unix(1_000_000, 0).Add(s.watched() - 2*look)) {
		s.looked["ip-a"] = s.now
		s.pass(look)
	}
	s.is(t, "not long enough", "", "")
	s.looked["ip-a"] = s.now
	s.pass(2 * look)
	s.is(t, "asked", "", "ip-a 20s")
}

// TestAWatcherIsAskedAndMayStay by a tap, or because somebody else goes.
func TestAWatcherIsAskedAndMayStay(t *testing.T) {
	s := newStall(2)
	s.join("a", true)
	s.pass(time.Minute)
	s.join("b", true)
	s.pass(s.watched() - time.Minute - look)
	s.is(t, "not long enough", "", "")
	s.pass(2 * look)
	s.is(t, "asked", "", "ip-a 20s")
	s.act("ip-a")
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

// TestAnOperatorsPhoneStays, though it shows the console and no page.
func TestAnOperatorsPhoneStays(t *testing.T) {
	s := newStall(2)
	s.join("boss", false)
	s.phones[0].Staff = true
	s.join("watcher", true)
	s.pass(s.watched() + notice)
	s.is(t, "the other goes", "watcher", "ip-watcher 20s, ip-watcher 0s")
	s.join("new", true)
	s.phones[1].Staff = true
	s.pass(2 * time.Hour)
	s.is(t, "operators alone", "", "")
}

func TestWhoHasJustBoughtStays(t *testing.T) {
	s := newStall(2)
	s.join("buyer", false)
	s.join("b", true)
	s.pass(s.settle() - look)
	s.act("ip-buyer")
	s.pass(s.settle() - look)
	s.is(t, "bought, and put the phone away", "", "")
	s.pass(2 * look)
	s.is(t, "long after", "buyer", "ip-buyer 0s")
}

func TestAFailureIsTriedAgain(t *testing.T) {
	s := newStall(1)
	s.join("a", false)
	s.fails = true
	s.pass(s.settle() + 2*look)
	s.fails, s.told = false, nil
	s.pass(2 * look)
	s.is(t, "then", "a", "ip-a 0s")
}

// TestTheRule in any course of things: nobody goes who has a place to spare, has just come, has just tapped, or is an operator;
// who has a page open is told in time; and a network is not full for as long as one may look, nor two minutes, with phones in it that nobody looks at.
func TestTheRule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newStall(rapid.IntRange(1, 4).Draw(t, "most"))
		s.stay = time.Duration(rapid.IntRange(1, 15).Draw(t, "stay")) * time.Minute
		warned := map[string]time.Time{}
		idle := map[string]time.Duration{} // how long each had no page, and nobody tapped, while it was full
		for i := range rapid.IntRange(1, 60).Draw(t, "events") {
			switch what := rapid.IntRange(0, 3).Draw(t, "what"); {
			case what == 0 && len(s.phones) < s.most:
				name := fmt.Sprint("p", i)
				s.chatty[name] = rapid.Bool().Draw(t, "chatty")
				s.join(name, rapid.Bool().Draw(t, "open"))
				s.phones[len(s.phones)-1].Staff = rapid.IntRange(0, 3).Draw(t, "staff") == 0
			case what == 1 && len(s.phones) > 0:
				s.act(rapid.SampledFrom(s.phones).Draw(t, "who").IP)
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
					if len(before) < s.most || p.Staff || p.Connected+look < s.settle() || s.now.Sub(s.acted[p.IP]) < s.settle() {
						t.Fatalf("%+v went: %d of %d on, tapped %v ago", p, len(before), s.most, s.now.Sub(s.acted[p.IP]))
					}
					if s.open[p.IP] && s.now.Sub(warned[p.IP]) > notice+look {
						t.Fatalf("%+v went without a word", p)
					}
				}
				for _, p := range s.phones {
					idle[p.MAC] += look
					if len(before) < s.most || len(s.rested) > 0 || s.open[p.IP] || p.Staff || s.now.Sub(s.acted[p.IP]) <= look {
						idle[p.MAC] = 0
					}
					if idle[p.MAC] > max(s.stay, 2*time.Minute) {
						t.Fatalf("%+v has its place, and it is full", p)
					}
				}
				s.told, s.rested = nil, nil
			}
		}
	})
}
