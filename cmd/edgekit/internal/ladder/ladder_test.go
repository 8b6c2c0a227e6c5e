package ladder

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"edgekit.internal/capture/camlink"
	"edgekit.internal/cmd/internal/kittest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	kittest.Clean()
	os.Exit(code)
}

// board is one on which pictures take so long; what was tried is noted.
func board(t *testing.T, takes map[string]time.Duration) (Config, *[]string) {
	tried := &[]string{}
	c := Config{Program: kittest.File(t, "edgecam", "a program"), Dir: t.TempDir(), Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	c.measure = func(_ context.Context, rung string) (time.Duration, error) {
		*tried = append(*tried, rung)
		if takes[rung] == 0 {
			return 0, errors.New("the encoder broke")
		}
		return takes[rung], nil
	}
	return c, tried
}

func TestTheBestPictureThatFitsIsChosen(t *testing.T) {
	const ms = time.Millisecond
	for name, b := range map[string]struct {
		takes map[string]time.Duration
		want  string
		tried int
	}{
		"a fast board":           {map[string]time.Duration{"1280x720@30": 9 * ms}, "1280x720@30", 1},
		"just so":                {map[string]time.Duration{"1280x720@30": 16 * ms}, "1280x720@30", 1},
		"one that is slower":     {map[string]time.Duration{"1280x720@30": 17 * ms, "960x540@30": 10 * ms}, "960x540@30", 2},
		"a slow one":             {map[string]time.Duration{"1280x720@30": 60 * ms, "960x540@30": 35 * ms, "640x360@30": 15 * ms}, "640x360@30", 3},
		"the slowest":            {map[string]time.Duration{"1280x720@30": 300 * ms, "960x540@30": 200 * ms, "640x360@30": 100 * ms}, "640x360@15", 3},
		"one that cannot say so": {nil, "640x360@15", 1},
	} {
		c, tried := board(t, b.takes)
		if got := c.Choose(t.Context()); got != b.want || len(*tried) != b.tried {
			t.Errorf("%s: %s, tried %v; want %s", name, got, *tried, b.want)
		}
	}
}

// TestABoardIsMeasuredOnce, and again when the program is another, or what was kept is nothing.
func TestABoardIsMeasuredOnce(t *testing.T) {
	c, tried := board(t, map[string]time.Duration{"1280x720@30": 20 * time.Millisecond, "960x540@30": 10 * time.Millisecond})
	again := func(why string, want int) {
		t.Helper()
		*tried = nil
		if got := c.Choose(t.Context()); got != "960x540@30" || len(*tried) != want {
			t.Errorf("%s: %s, tried %v", why, got, *tried)
		}
	}
	again("the first start", 2)
	again("the second", 0)
	for _, text := range []string{"", "{", `{"program":"?"}`, `{"picture":"1280x720@30"}`} {
		if err := os.WriteFile(c.path(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		again(text, 2)
	}
	if err := os.WriteFile(c.Program, []byte("another program"), 0o600); err != nil {
		t.Fatal(err)
	}
	again("another program", 2)
	again("and then", 0)
}

// TestWhatDidNotWorkIsTriedAgain at the next start: nothing is kept of it.
func TestWhatDidNotWorkIsTriedAgain(t *testing.T) {
	c, tried := board(t, nil)
	c.Choose(t.Context())
	if _, err := os.Stat(c.path()); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	c.Program = filepath.Join(t.TempDir(), "none")
	*tried = nil
	if got := c.Choose(t.Context()); got != Rungs[len(Rungs)-1] || len(*tried) != 0 {
		t.Errorf("%s, tried %v", got, *tried)
	}
}

// TestTheProgramItselfIsMeasured, the real one: some picture is chosen, and it took some time.
func TestTheProgramItselfIsMeasured(t *testing.T) {
	c := Config{Program: filepath.Join(kittest.Programs(t), "edgecam"), Fonts: "/usr/share/fonts/truetype/noto", Dir: t.TempDir(), Log: slog.New(slog.NewTextHandler(t.Output(), nil)), patience: 2 * time.Minute}
	took, err := c.run(t.Context(), "640x360@30")
	if err != nil || took <= 0 {
		t.Fatalf("%v, %v", took, err)
	}
	if got := c.Choose(t.Context()); !slices.Contains(Rungs, got) {
		t.Error(got)
	}
}

func TestTheMeanIsWhatPicturesTook(t *testing.T) {
	var b camlink.Beat
	for range 30 {
		b.Mean += (10*time.Millisecond - b.Mean) / 16
		b.Frames++
	}
	if m := mean(b); m < 9900*time.Microsecond || m > 10100*time.Microsecond {
		t.Error(m)
	}
}
