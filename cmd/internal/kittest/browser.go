package kittest

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// WithoutWebRTC is a script that makes a browser one that has none, as captive mini-browsers are.
const WithoutWebRTC = `for (const name of ["RTCPeerConnection", "webkitRTCPeerConnection"]) delete window[name];`

// Browser starts a Chromium of its own, headless, and ends it with the test. The scripts run in every page before any of
// the page's own.
func Browser(t testing.TB, scripts ...string) context.Context {
	t.Helper()
	return browser(t, nil, scripts)
}

// BrowserThrough is Browser for one that asks a proxy for every host, also for this machine's.
func BrowserThrough(t testing.TB, proxy string) context.Context {
	t.Helper()
	return browser(t, []chromedp.ExecAllocatorOption{chromedp.ProxyServer(proxy), chromedp.Flag("proxy-bypass-list", "<-loopback>")}, nil)
}

func browser(t testing.TB, more []chromedp.ExecAllocatorOption, scripts []string) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("%v: expected Debian's chromium; `make deps` installs it", err)
	}
	tmp, err := os.MkdirTemp("", "chromium") // the test's own folder's name may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(tmp) })
	flags := []chromedp.ExecAllocatorOption{chromedp.NoFirstRun, chromedp.NoSandbox, chromedp.Headless, chromedp.DisableGPU,
		chromedp.ExecPath(path), chromedp.UserDataDir(tmp), chromedp.Env("TMPDIR=" + tmp), chromedp.WindowSize(1280, 900)}
	for _, f := range []string{"disable-background-networking", "disable-component-update", "disable-sync", "disable-quic"} {
		flags = append(flags, chromedp.Flag(f, true)) // it speaks to nobody but the kit
	}
	ctx := start(t, append(flags, more...))
	for _, script := range scripts {
		before := chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
			_, err := cdp.Call(ctx, tab, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
			return err
		})
		if _, err := chromedp.Run(ctx, before); err != nil {
			t.Fatal(err)
		}
	}
	return ctx
}

// start is told when a Chromium fell over before it had shown anything, which happens, and starts another.
func start(t testing.TB, flags []chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	for left := 2; ; left-- {
		all, stopAll := chromedp.NewExecAllocator(context.Background(), flags...)
		ctx, stop := chromedp.NewContext(all)
		_, err := chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void]("0"))
		if err == nil {
			t.Cleanup(func() { stop(); stopAll() })
			return ctx
		}
		stop()
		stopAll()
		if left == 0 {
			t.Fatalf("chromium does not start: %v", err)
		}
		t.Logf("chromium fell over at its start, another is tried: %v", err)
	}
}

// Open goes to a page.
func Open(t testing.TB, browser context.Context, url string) {
	t.Helper()
	if _, err := chromedp.Run(browser, chromedp.Navigate(url)); err != nil {
		t.Fatalf("open %s: %v", url, err)
	}
}

// Read evaluates an expression in the page, which may be a promise, as a string.
func Read(t testing.TB, browser context.Context, expr string) string {
	t.Helper()
	s, err := chromedp.Run(browser, chromedp.Evaluate[string](`(async () => String(await (`+expr+`)))()`, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("read %s: %v", expr, err)
	}
	return s
}

// See waits until an expression is true in the page, or in the one that it leads to.
func See(t testing.TB, browser context.Context, what, expr string) {
	t.Helper()
	for end := time.Now().Add(Limit); ; {
		_, err := chromedp.Run(browser, chromedp.Poll[chromedp.Void](expr, chromedp.WithPollingTimeout(Limit)))
		if err == nil {
			return
		}
		led := strings.Contains(err.Error(), "navigated") || strings.Contains(err.Error(), "Cannot find context")
		if !led || time.Now().After(end) {
			t.Fatalf("%s: %v: not within %v", what, err, Limit)
		}
	}
}

// Press clicks what has an accessible name, as a person would: in the middle of where it is, through the page's own
// hit test.
func Press(t testing.TB, browser context.Context, name string) {
	t.Helper()
	find := `[...document.querySelectorAll("button,[role=button],a")].find(b => (b.ariaLabel || b.textContent).trim() === ` + strconv.Quote(name) + ` && b.checkVisibility())`
	See(t, browser, "button "+name, "!!"+find)
	See(t, browser, "a page to be painted", `performance.getEntriesByType("paint").length > 0`) // until then Chromium throws away what a finger does
	type point struct{ X, Y float64 }
	p, err := chromedp.Run(browser, chromedp.Evaluate[point](`(() => { const b = `+find+`; b.scrollIntoView({block: "nearest"}); const r = b.getBoundingClientRect(); return {X: r.x + r.width / 2, Y: r.y + r.height / 2} })()`))
	if err != nil {
		t.Fatalf("button %s: %v", name, err)
	}
	if _, err := chromedp.Run(browser, chromedp.MouseClickXY(p.X, p.Y)); err != nil {
		t.Fatalf("press %s: %v", name, err)
	}
}
