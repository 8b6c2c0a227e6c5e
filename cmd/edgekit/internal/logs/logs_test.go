package logs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"edgekit.internal/cmd/internal/wire"
)

// batchMost is the most that one write may cost more than the allowance had left, with records as short as here.
const batchMost = 256 << 10

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func opened(t *testing.T, dir string) *Ring {
	t.Helper()
	r := New()
	if err := r.Open(dir, nil); err != nil {
		t.Fatal(err)
	}
	return r
}

func texts(recs []wire.LogRecord) (all []string) {
	for _, rec := range recs {
		all = append(all, rec.Text)
	}
	return all
}

func add(r *Ring, level slog.Level, text string) {
	r.Add(wire.LogRecord{Level: level.String(), From: "edgekit", Text: text})
}

// TestRecordsOutliveARestart, and a line that a power cut tore is passed over.
func TestRecordsOutliveARestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	r := opened(t, dir)
	log := slog.New(r.Handler(slog.NewTextHandler(io.Discard, nil)))
	log.With("kit", "abc").WithGroup("g").Warn("printer gone", "job", 7, "err", errors.New("no\nsuch \x1b[31mdevice"))
	log.Debug("of no use")
	r.Close()
	f, err := os.OpenFile(filepath.Join(dir, "00000001.log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString(`{"t":"2026-01-01T00:00:00Z","level":"ERROR","msg":"to`)
	f.Close()

	r = opened(t, dir)
	add(r, slog.LevelInfo, "after")
	r.Close()
	r = opened(t, dir)
	defer r.Close()
	got := r.Read(Query{})
	if d := cmp.Diff([]string{"printer gone", "after"}, texts(got)); d != "" {
		t.Fatal(d)
	}
	if d := cmp.Diff(map[string]any{"kit": "abc", "g.job": 7.0, "g.err": "no such  [31mdevice"}, got[0].Attrs); d != "" {
		t.Error(d)
	}
	if got[0].Level != "WARN" || got[0].Boot == "" || got[0].Up <= 0 || got[0].At.IsZero() {
		t.Errorf("%+v", got[0])
	}
	for q, want := range map[Query]int{{Level: "warn"}: 1, {Level: "ERROR"}: 0, {Last: 1}: 1, {Since: time.Hour}: 2, {Since: time.Nanosecond}: 0, {Level: "loud"}: 0} {
		if n := len(r.Read(q)); n != want {
			t.Errorf("%+v: %d, want %d", q, n, want)
		}
	}
	if st, err := os.Stat(filepath.Join(dir, "00000001.log")); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", st, err)
	}
}

func size(t *testing.T, dir string) (bytes int64, files int) {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		st, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		bytes += st.Size()
	}
	return bytes, len(all)
}

// TestTheLogIsBounded on the disk and in memory, and keeps the latest.
func TestTheLogIsBounded(t *testing.T) {
	dir := t.TempDir()
	r := opened(t, dir)
	long := strings.Repeat("x", 1000)
	for i := range 12_000 {
		add(r, slog.LevelInfo, fmt.Sprint(i, " ", long))
		if i%500 == 499 {
			r.flush(true)
		}
	}
	n, files := size(t, dir)
	if files > maxSegments || n > maxSegments*(segmentBytes+600_000) || n < segmentBytes*maxSegments/2 {
		t.Errorf("%d files of %d bytes", files, n)
	}
	if got := r.Read(Query{Last: 1}); len(got) != 1 || !strings.HasPrefix(got[0].Text, "11999 ") {
		t.Errorf("the last is %.10q", texts(got))
	}
	for i := range 2 * maxQueue {
		add(r, slog.LevelInfo, fmt.Sprint("q", i))
	}
	r.Close()
	r = opened(t, dir)
	defer r.Close()
	got := r.Read(Query{Last: 2})
	if got[0].Text != fmt.Sprint("q", 2*maxQueue-1) || got[1].Attrs["lost"] != float64(maxQueue) {
		t.Errorf("%+v", got)
	}
}

// TestInformationWaitsForCompanyAndTroubleDoesNot: a write for each batch, at once for what matters, and never more than
// the day's allowance.
func TestInformationWaitsForCompanyAndTroubleDoesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		r := opened(t, dir)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.Run(ctx) }()
		onDisk := func() int {
			synctest.Wait()
			b, err := os.ReadFile(filepath.Join(dir, "00000001.log"))
			if err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			return bytes.Count(b, []byte("\n"))
		}
		add(r, slog.LevelInfo, "one")
		time.Sleep(batch - time.Millisecond)
		add(r, slog.LevelInfo, "two")
		if n := onDisk(); n != 0 {
			t.Errorf("%d written before the batch's time", n)
		}
		time.Sleep(time.Millisecond)
		if n := onDisk(); n != 2 {
			t.Errorf("%d written at the batch's time, want 2", n)
		}
		add(r, slog.LevelInfo, "three")
		add(r, slog.LevelError, "four")
		if n := onDisk(); n != 4 {
			t.Errorf("%d written with an error there, want 4", n)
		}
		for range 3 * 3600 { // three hours with a warning a second
			time.Sleep(time.Second)
			add(r, slog.LevelWarn, "again")
		}
		synctest.Wait()
		if w := r.Written(); w > DayBound/8+burst+batchMost || w < DayBound/8 {
			t.Errorf("three hours wrote %d bytes, want at most %d", w, DayBound/8+burst+batchMost)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		r.Close()
	})
}

// TestAFullDiskTakesLogsLast to give way to sales: the log gives back what it can, and waits.
func TestWithoutRoomTheLogGivesBackAndWaits(t *testing.T) {
	dir := t.TempDir()
	var room atomic.Bool
	room.Store(true)
	r := New()
	if err := r.Open(dir, room.Load); err != nil {
		t.Fatal(err)
	}
	for i := range 3 * segmentBytes / 1000 {
		add(r, slog.LevelInfo, fmt.Sprint(i, strings.Repeat("x", 1000)))
		if i%200 == 0 {
			r.flush(true)
		}
	}
	r.flush(true)
	if _, files := size(t, dir); files < 3 {
		t.Fatalf("%d files", files)
	}
	room.Store(false)
	add(r, slog.LevelError, "waits")
	if r.flush(false) {
		t.Error("it wrote")
	}
	if _, files := size(t, dir); files != 1 {
		t.Errorf("%d files are left", files)
	}
	room.Store(true)
	r.Close()
	r = opened(t, dir)
	defer r.Close()
	if got := r.Read(Query{Last: 1}); len(got) != 1 || got[0].Text != "waits" {
		t.Errorf("%+v", got)
	}
}

func TestFollowersSeeWhatComes(t *testing.T) {
	r := opened(t, t.TempDir())
	defer r.Close()
	add(r, slog.LevelWarn, "before")
	got := make(chan string)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go r.Follow(ctx, Query{Level: "warn"}, func(rec wire.LogRecord) bool {
		select {
		case got <- rec.Text:
			return true
		case <-ctx.Done():
			return false
		}
	})
	if s := <-got; s != "before" {
		t.Error(s)
	}
	add(r, slog.LevelInfo, "no")
	add(r, slog.LevelWarn, "yes")
	if s := <-got; s != "yes" {
		t.Error(s)
	}
	for i := range 3 * maxBehind { // it reads none of these meanwhile, and holds nobody up
		add(r, slog.LevelWarn, fmt.Sprint(i))
	}
	first, last := <-got, ""
	for last = first; last != fmt.Sprint(3*maxBehind-1); last = <-got {
	}
	cancel()
}

// init is gokrazy's, as far as it is asked: it begins each stream with the lines it remembers.
func initAt(t *testing.T, lines map[string][]string) (socket string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "init")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket = filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") == "application/json" {
			io.WriteString(rw, `{"Services":[{"Path":"/user/edgekit"},{"Path":"/gokrazy/dhcp"},{"Path":"/user/edgeap"}],"Kernel":"x"}`)
		}
	})
	mux.HandleFunc("GET /log", func(rw http.ResponseWriter, r *http.Request) {
		for _, line := range lines[r.FormValue("path")] {
			fmt.Fprintf(rw, "event: stderr\ndata: %s\n\n", line)
		}
		http.NewResponseController(rw).Flush()
		<-r.Context().Done()
	})
	s := &http.Server{Handler: mux}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return socket
}

// TestWhatOtherProgramsSayIsKept once, however often it is told, and never the kit's own output.
func TestWhatOtherProgramsSayIsKept(t *testing.T) {
	lines := map[string][]string{"/user/edgekit": {"pairing code 123-456"}, "/gokrazy/dhcp": {"lease of 10.0.0.4", "lease of 10.0.0.4", "\x1b[1mrenewed"}, "/user/edgeap": {"station joined"}}
	dir := t.TempDir()
	for start := range 2 { // the second time as after a restart of the kit
		if start == 1 {
			lines["/gokrazy/dhcp"] = append(lines["/gokrazy/dhcp"], "released")
			lines["/user/edgeap"] = append(lines["/user/edgeap"], "station left")
		}
		socket := initAt(t, lines)
		r := opened(t, dir)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.Services(ctx, socket, "edgekit") }()
		for len(r.Read(Query{})) < 4+2*start {
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		r.Close()
	}
	r := opened(t, dir)
	defer r.Close()
	got := map[string]int{}
	for _, rec := range r.Read(Query{}) {
		got[rec.From+": "+rec.Text]++
	}
	want := map[string]int{"dhcp: lease of 10.0.0.4": 2, "dhcp: [1mrenewed": 1, "edgeap: station joined": 1, "dhcp: released": 1, "edgeap: station left": 1}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestTheKernelsWarningsAreKept(t *testing.T) {
	for s, want := range map[string]string{
		"4,100,2500000,-;Under-voltage detected!\n SUBSYSTEM=hwmon\n": "WARN 2.5 Under-voltage detected!",
		"3,1,1000000,c;mmc0: error -110 whilst initialising SD card":  "ERROR 1 mmc0: error -110 whilst initialising SD card",
		"6,1,1,-;usb 1-1: new device":                                 "", "12,1,1,-;from user space": "", "4,1,x,-;a": "", "4": "", "": "", ";": "", "4,1,1,-;": "", "-1,1,1,-;x": "",
	} {
		got := ""
		if rec, ok := kernelRecord(s); ok {
			got = fmt.Sprint(rec.Level, " ", rec.Up, " ", rec.Text)
		}
		if got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}

// FuzzRecords: whatever a card left in the log's files, and whatever the kernel says, reading ends well.
func FuzzRecords(f *testing.F) {
	f.Add([]byte(`{"t":"2026-01-01T00:00:00Z","up":1,"level":"INFO","from":"a","msg":"b"}` + "\n"))
	f.Add([]byte("4,1,1,-;text\n K=V\n"))
	f.Add([]byte("\x00\xff{\n{}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "00000007.log"), b, 0o600); err != nil {
			t.Fatal(err)
		}
		r := New()
		if err := r.Open(dir, nil); err != nil {
			t.Fatal(err)
		}
		before := r.Read(Query{})
		r.Add(wire.LogRecord{Level: "INFO", From: "edgekit", Text: "last"})
		r.Close()
		if err := r.Open(dir, nil); err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if after := r.Read(Query{}); len(after) < 1 || len(after) < len(before) || after[len(after)-1].Text != "last" {
			t.Errorf("%d before, %d after", len(before), len(after))
		}
		if rec, ok := kernelRecord(string(b)); ok && strings.ContainsAny(rec.Text, "\n\x1b") {
			t.Errorf("%q", rec.Text)
		}
	})
}

// TestAFloodOfLongRecordsStaysWithinTheBound: a whole queue of the longest records comes in one batch.
func TestAFloodOfLongRecordsStaysWithinTheBound(t *testing.T) {
	dir := t.TempDir()
	r := New()
	if err := r.Open(dir, nil); err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for n := range 20 {
		for range maxQueue {
			r.Add(wire.LogRecord{Level: "INFO", From: "x", Text: fmt.Sprint(n, strings.Repeat("y", maxText-10))})
		}
		r.allowance = burst // a day later
		if !r.flush(false) {
			t.Fatal("not written")
		}
	}
	size := int64(0)
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	if size > maxSegments*segmentBytes {
		t.Errorf("%d files with %d bytes: more than %d", len(all), size, maxSegments*segmentBytes)
	}
	if last := r.Read(Query{Last: 1}); len(last) != 1 || !strings.HasPrefix(last[0].Text, "19") {
		t.Error("the latest is not there")
	}
}
