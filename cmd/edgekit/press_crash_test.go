package main

import (
	"encoding/json"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/cmd/internal/wire"
)

// TestPressesThroughPowerCuts: the power goes while buttons are pressed, again and again. Each press that was answered has that
// answer for ever; each that was not is sent again, as the console does, and is decided once; the journal has each once.
func TestPressesThroughPowerCuts(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	data, catalogue := t.TempDir(), kittest.File(t, "drops.json", drops)
	told := map[string]wire.Press{} // by id; without a detail: it was not answered
	send := func(op *kittest.Operator, in wire.PressRequest) (out wire.Press, ok bool) {
		status, b, err := op.Do("POST", "/api/operator/press", in)
		if err != nil || status != 200 {
			return wire.Press{ID: in.ID, Action: in.Action}, false
		}
		return out, json.Unmarshal(b, &out) == nil
	}
	actions := []string{"start-next-drop", "sold-out", "call-help", "clear-help"}
	const rounds = 6
	for round := range rounds + 1 {
		k := kittest.StartIn(t, data, "-catalog", catalogue, "-picture", "160x90@2", "-printer", "none")
		op := k.Pair(t)
		for id, was := range told {
			now, ok := send(op, wire.PressRequest{ID: id, Action: was.Action})
			if !ok {
				t.Fatalf("round %d: %+v is not answered", round, was)
			}
			if was.Detail != "" && (now.OK != was.OK || now.Detail != was.Detail || now.Offer != was.Offer) {
				t.Errorf("round %d: %+v, and before %+v", round, now, was)
			}
			now.Action = was.Action // as it was asked for
			told[id] = now
		}
		if round == rounds {
			k.Stop()
			break
		}
		cut := make(chan struct{})
		for n, up := 0, true; up; n++ {
			if n == 2 {
				after := time.Duration(rnd.IntN(150)) * time.Millisecond
				go func() {
					time.Sleep(after) // the moment of the cut is the input here, not a wait
					k.Kill()
					close(cut)
				}()
			}
			in := wire.PressRequest{ID: kittest.NewTap(), Action: actions[len(told)%len(actions)]}
			var out wire.Press
			if out, up = send(op, in); up {
				out.Action = in.Action
			} else if n < 2 {
				t.Fatalf("round %d: no answer\n%s", round, k.Log())
			}
			told[in.ID] = out
		}
		<-cut
	}
	count := map[string]int{}
	for _, e := range journalOf(t, filepath.Join(data, "kit.db")) {
		if e.Action != "" {
			count[ulid.ULID(e.Tap).String()]++
		}
	}
	for id := range told {
		if count[id] != 1 {
			t.Errorf("%+v: %d entries", told[id], count[id])
		}
	}
	if len(count) != len(told) {
		t.Errorf("%d presses in the journal, %d were sent", len(count), len(told))
	}
	t.Logf("%d cuts, %d presses", rounds, len(told))
	if len(told) < 2*rounds {
		t.Error("too few presses to tell anything")
	}
}
