package kit

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"edgekit.internal/cmd/internal/settings"
	"edgekit.internal/drivers/thermal"
	"edgekit.internal/hardware/clock"
	"edgekit.internal/pipeline"
)

// TestWhichSlipsAreOld: by kit time; of those of an earlier run also by the wall clock, where it was known both times.
func TestWhichSlipsAreOld(t *testing.T) {
	up := 10 * time.Hour
	k := &Kit{clock: clock.New(nil, [16]byte{}, func() time.Duration { return up })}
	up += 3 * time.Hour
	k.began = 2 * time.Hour
	now := time.Now()
	for name, c := range map[string]struct {
		at   time.Duration
		wall time.Time
		old  bool
	}{
		"just sold": {3 * time.Hour, now, false},
		"just sold, the clock has been set since":     {3 * time.Hour, now.Add(-20 * time.Hour), false},
		"an hour ago, in an earlier run":              {2*time.Hour - time.Minute, now.Add(-time.Hour), false},
		"the day before, the kit was off":             {2*time.Hour - time.Minute, now.Add(-20 * time.Hour), true},
		"the kit was off, nobody knew the time":       {2*time.Hour - time.Minute, time.Unix(1000, 0), false},
		"more than two hours ago, whatever the clock": {time.Hour - time.Minute, now, true},
	} {
		if got := k.old(pipeline.Ticket{At: c.at, Wall: c.wall}); got != c.old {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestModelsAreThoseThatCanBeSet: the driver and the settings know the same ones.
func TestModelsAreThoseThatCanBeSet(t *testing.T) {
	for _, m := range append(thermal.Models(), "auto") {
		if _, problems := settings.Parse([]byte("printer-model = \"" + m + "\"\n")); problems != nil {
			t.Error(problems)
		}
	}
	_, problems := settings.Parse([]byte("printer-model = \"\"\n"))
	if want := "auto, epson, citizen, common or simple"; len(problems) != 1 || !strings.Contains(problems[0].String(), want) || len(thermal.Models()) != strings.Count(want, ",")+1 {
		t.Errorf("%v, want %s: %v", problems, want, thermal.Models())
	}
}

// TestALogoIsAPictureOrAFault: one line, and nothing that is too large is read.
func TestALogoIsAPictureOrAFault(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		text []byte
		good bool
	}{
		"logo.png": {picture(t, 300, 100), true}, "huge.png": {picture(t, mostLogoSide+1, 1), false}, "text.png": {[]byte("hello"), false},
		"cut.png": {picture(t, 300, 100)[:60], false}, "fat.png": {make([]byte, mostLogo+1), false},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, c.text, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := Config{Settings: settings.Settings{Logo: path}}.logo(thermal.Paper58)
		if (got != nil) != c.good || (err == nil) != c.good || err != nil && (strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "expected a picture")) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if got, err := (Config{}).logo(thermal.Paper58); got != nil || err != nil {
		t.Errorf("none: %v, %v", got, err)
	}
	if _, err := (Config{Settings: settings.Settings{Logo: filepath.Join(dir, "gone.png")}}).logo(thermal.Paper58); err == nil {
		t.Error("no fault where there is no file")
	}
}

func picture(t *testing.T, w, h int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, w, h))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
