package v4l2

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/jpeg"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"edgekit.internal/capture"
)

var wantFake = Want{Width: fakeWidth, Height: fakeHeight, FPS: 30}

// run opens the fake as a camera, on its own clock, runs it to its end and closes it.
func (f *fake) run(t *testing.T, ds *Devices, ctx context.Context, out func(capture.Frame)) (bad uint64, err error) {
	t.Helper()
	d, err := ds.Open("fake", wantFake)
	if err != nil {
		return 0, err
	}
	d.now = f.clock
	err = d.Run(ctx, out)
	bad, _ = d.Skipped()
	return bad, errors.Join(err, d.Close())
}

// TestBadPicturesAreLeftOutAndGoodOnesGoOn: whatever comes between, each good picture is handed out, in order, each at a later time than the
// one before, and never at one to come.
func TestBadPicturesAreLeftOutAndGoodOnesGoOn(t *testing.T) {
	zero, hour := time.Duration(0), time.Hour
	future := 2 * time.Hour
	type wrong struct {
		name string
		of   func(good []byte) shot
		seen bool // it is a picture all the same
	}
	wrongs := []wrong{
		{"marked by the driver", func(g []byte) shot { return shot{data: g, flags: flagError} }, false},
		{"nothing", func([]byte) shot { return shot{} }, false},
		{"half", func(g []byte) shot { return shot{data: g[:len(g)/2]} }, false},
		{"longer than its buffer", func(g []byte) shot { return shot{data: g, longer: 1 << 30} }, false},
		{"at no time", func(g []byte) shot { return shot{data: g, at: &zero} }, true},
		{"always at one time", func(g []byte) shot { return shot{data: g, at: &hour} }, true},
		{"in the future", func(g []byte) shot { return shot{data: g, at: &future} }, true},
	}
	other := func(w, h int) []byte { return encodeJPEG(t, photo(image.YCbCrSubsampleRatio420, w, h)) }
	jpegs := []wrong{
		{"torn", func(g []byte) shot { return shot{data: append(bytes.Clone(g[:len(g)/2]), g[:len(g)/2]...)} }, false},
		{"text", func([]byte) shot { return shot{data: []byte("no picture")} }, false},
		{"another size", func([]byte) shot { return shot{data: other(32, 32)} }, true},
		{"a huge size", func(g []byte) shot { return shot{data: resized(g, 4000, 4000)} }, false},
		{"progressive", func(g []byte) shot {
			return shot{data: bytes.Replace(g, []byte{0xff, markSOF0}, []byte{0xff, 0xc2}, 1)}
		}, false},
	}
	for _, format := range []FourCC{MJPG, YUYV, NV12, I420} {
		cases := wrongs
		if format == MJPG {
			cases = append(jpegs, wrongs...)
		}
		for _, c := range cases {
			t.Run(format.String()+" "+c.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					whole := good(t, format)
					f := &fake{format: format, began: time.Now(), next: func(n int) shot {
						if n%3 == 2 {
							return c.of(whole)
						}
						return shot{data: whole}
					}}
					ctx, stop := context.WithCancel(t.Context())
					n, last := 0, time.Duration(0)
					bad, err := f.run(t, &Devices{open: f.open}, ctx, func(fr capture.Frame) {
						if fr.At <= last || fr.At > f.clock() {
							t.Errorf("picture %d taken at %v after %v, at %v", n, fr.At, last, f.clock())
						}
						last = fr.At
						if n++; n == 60 {
							stop()
						}
					})
					if err != nil || n < 60 || (bad > 0) == c.seen {
						t.Errorf("%d pictures, %d bad: %v", n, bad, err)
					}
					if f.maps != 0 || !f.closed {
						t.Errorf("%d buffers mapped, closed %v", f.maps, f.closed)
					}
				})
			})
		}
	}
}

// resized writes another size in a JPEG's frame header.
func resized(data []byte, w, h int) []byte {
	out := bytes.Clone(data)
	at := bytes.Index(out, []byte{0xff, markSOF0}) + 5
	copy(out[at:], []byte{byte(h >> 8), byte(h), byte(w >> 8), byte(w)})
	return out
}

// TestACameraThatFailsIsOpenedAgain: what it does ends Run, and says why; after that it is as if nothing had been.
func TestACameraThatFailsIsOpenedAgain(t *testing.T) {
	for _, c := range []struct {
		name   string
		spoil  func(f *fake, whole []byte)
		is     error // of Run or Open
		within time.Duration
	}{
		{"vanishes", func(f *fake, w []byte) { f.next = failAt(w, 5, shot{err: unix.ENODEV}) }, ErrUnplugged, time.Second},
		{"input or output error", func(f *fake, w []byte) { f.next = failAt(w, 5, shot{err: unix.EIO}) }, unix.EIO, time.Second},
		{"sends nothing", func(f *fake, w []byte) { f.next = func(int) shot { return shot{silence: true} } }, nil, silence + time.Second},
		{"sends nothing good", func(f *fake, w []byte) { f.next = func(int) shot { return shot{data: w[:9]} } }, nil, 5 * time.Second},
		{"takes no buffer", func(f *fake, w []byte) { f.breaks[vidiocQBuf] = unix.EINVAL }, unix.EINVAL, time.Second},
		{"has no buffers", func(f *fake, w []byte) { f.breaks[vidiocReqBufs] = unix.ENOMEM }, unix.ENOMEM, time.Second},
		{"does not start", func(f *fake, w []byte) { f.breaks[vidiocStreamOn] = unix.ENOSPC }, unix.ENOSPC, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				whole := good(t, MJPG)
				all := func(int) shot { return shot{data: whole} }
				f := &fake{format: MJPG, began: time.Now(), breaks: map[uintptr]error{}, next: all}
				c.spoil(f, whole)
				ds := &Devices{open: f.open}
				begin := time.Now()
				_, err := f.run(t, ds, t.Context(), func(capture.Frame) {})
				if err == nil || c.is != nil && !errors.Is(err, c.is) {
					t.Errorf("%v, expected %v", err, c.is)
				}
				if took := time.Since(begin); took > c.within {
					t.Errorf("it took %v by its own clock", took)
				}
				f.next = all
				ctx, stop := context.WithCancel(t.Context())
				n := 0
				if _, err := f.run(t, ds, ctx, func(capture.Frame) {
					if n++; n == 5 {
						stop()
					}
				}); err != nil || n < 5 {
					t.Errorf("the next time: %d pictures, %v", n, err)
				}
			})
		})
	}
}

func failAt(whole []byte, at int, s shot) func(int) shot {
	return func(n int) shot {
		if n == at {
			return s
		}
		return shot{data: whole}
	}
}

// TestADriverThatDoesNotComeBackIsGivenUp: in two seconds while pictures come, and in six before; it is then left alone until it does come
// back, and closed then. However often it is tried, that is one goroutine and one open file.
func TestADriverThatDoesNotComeBackIsGivenUp(t *testing.T) {
	for req, c := range map[uintptr]struct {
		name   string
		within time.Duration
	}{
		vidiocDQBuf: {"VIDIOC_DQBUF", answers}, vidiocQBuf: {"VIDIOC_QBUF", answers}, vidiocQueryCap: {"VIDIOC_QUERYCAP", setsUp},
		vidiocSetFmt: {"VIDIOC_S_FMT", setsUp}, vidiocReqBufs: {"VIDIOC_REQBUFS", setsUp}, vidiocStreamOn: {"VIDIOC_STREAMON", setsUp},
		vidiocStreamOff: {"VIDIOC_STREAMOFF", setsUp + time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				whole, release := good(t, YUYV), make(chan struct{})
				f := &fake{format: YUYV, began: time.Now(), hangs: map[uintptr]chan struct{}{req: release}, next: func(int) shot { return shot{data: whole} }}
				var opened atomic.Int32
				ds := &Devices{open: func(p string) (driver, error) { opened.Add(1); return f.open(p) }}
				ctx, stop := context.WithCancel(t.Context())
				begin := time.Now()
				_, err := f.run(t, ds, ctx, func(capture.Frame) { stop() })
				if took := time.Since(begin); !errors.Is(err, ErrStuck) || took > c.within+pollEvery {
					t.Errorf("after %v: %v", took, err)
				}
				for range 100 {
					if _, err := f.run(t, ds, ctx, nil); !errors.Is(err, ErrStuck) {
						t.Fatalf("tried again: %v", err)
					}
				}
				if n := opened.Load(); n != 1 || !errors.Is(ds.Stuck(), ErrStuck) || f.closed {
					t.Errorf("opened %d times, closed %v, stuck %v", n, f.closed, ds.Stuck())
				}
				close(release)
				synctest.Wait()
				if !f.closed || f.maps != 0 || ds.Stuck() != nil {
					t.Errorf("after it came back: closed %v, %d buffers mapped, stuck %v", f.closed, f.maps, ds.Stuck())
				}
				ctx, stop = context.WithCancel(t.Context())
				if _, err := f.run(t, ds, ctx, func(capture.Frame) { stop() }); err != nil {
					t.Errorf("the next time: %v", err)
				}
			})
		})
	}
}

// TestOnlySoManyDriversMayBeStuck: a hub full of cameras that hang takes no more than maxStuck goroutines and files.
func TestOnlySoManyDriversMayBeStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		var opened atomic.Int32
		ds := &Devices{open: func(string) (driver, error) { opened.Add(1); <-release; return &fake{}, nil }}
		for i := range 3 * maxStuck {
			if _, err := ds.Open(string(rune('a'+i)), wantFake); !errors.Is(err, ErrStuck) {
				t.Fatal(err)
			}
		}
		if n := opened.Load(); n != maxStuck {
			t.Errorf("opened %d", n)
		}
	})
}

// FuzzWhatACameraSends: no bytes, lengths, flags or times that come from a camera stop the good pictures that come after.
func FuzzWhatACameraSends(f *testing.F) {
	good := map[FourCC][]byte{MJPG: good(f, MJPG), YUYV: good(f, YUYV), NV12: good(f, NV12), I420: good(f, I420)}
	jpg := good[MJPG]
	for _, data := range [][]byte{jpg, jpg[:len(jpg)/2], without(f, jpg, markDHT), resized(jpg, 4000, 4000), {0xff, markSOI, 0xff, 0xff, 0xff, markSOS, 0, 2}} {
		f.Add(data, uint32(0), uint32(0), int64(time.Hour))
	}
	f.Add(good[YUYV], uint32(flagError), uint32(1<<31), int64(-1))
	f.Fuzz(func(t *testing.T, data []byte, flags, longer uint32, at int64) {
		if len(data) > 1<<15 {
			return
		}
		if cfg, err := jpeg.DecodeConfig(bytes.NewReader(data)); err == nil && cfg.Width*cfg.Height > 1<<18 {
			return // legal, but slow to fuzz
		}
		for _, format := range []FourCC{MJPG, YUYV, NV12, I420} {
			now, last, n := time.Hour, time.Duration(0), 0
			d := &Device{now: func() time.Duration { now += time.Second / 30; return now }, mode: Mode{format, fakeWidth, fakeHeight, 30}, stride: fakeWidth, mapped: [][]byte{make([]byte, 1<<15)}}
			if format == YUYV {
				d.stride *= 2
			}
			// One picture at a time, without goroutines, whose order would look to the fuzzer like something new.
			p := &picker{mode: d.mode, stride: d.stride, skipped: &d.skipped, out: func(fr capture.Frame) {
				if fr.At <= last || fr.At > now {
					t.Errorf("taken at %v after %v, at %v", fr.At, last, now)
				}
				last = fr.At
				n++
			}}
			send := func(s shot) {
				b := buffer{flags: flagMonotonic | s.flags, bytesUsed: uint32(copy(d.mapped[0], s.data)) + s.longer, seconds: int64(*s.at / time.Second), micros: int64(*s.at % time.Second / time.Microsecond)}
				d.read(b, p, true)
			}
			whole, then := good[format], time.Hour
			send(shot{data: whole, at: &then})
			send(shot{data: data, flags: flags, longer: longer, at: (*time.Duration)(&at)})
			send(shot{data: whole, at: &then})
			if bad, late := d.Skipped(); n < 2 || n+int(bad) != 3 || late != 0 {
				t.Errorf("%v: %d pictures, %d bad, %d late", format, n, bad, late)
			}
		}
	})
}
