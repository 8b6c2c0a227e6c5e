package fanout

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// firefoxPrefs have Firefox decode H.264 in WebRTC by the system's FFmpeg, as it does for films, instead of by a plugin that it
// would fetch from the internet. It offers that where hardware is said to decode, which 1 says (nsIGfxInfo's FEATURE_STATUS_OK).
// The rest keeps it from talking to anybody but the kit.
const firefoxPrefs = `user_pref("gfx.blacklist.webrtc.hw.acceleration.h264", 1);
user_pref("media.webrtc.hw.h264.enabled", true);
user_pref("media.navigator.mediadatadecoder_h264_enabled", true);
user_pref("media.peerconnection.ice.obfuscate_host_addresses", false);
user_pref("media.peerconnection.ice.loopback", true);
user_pref("media.autoplay.default", 0);
user_pref("media.gmp-manager.url", "http://127.0.0.1:9/");
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("toolkit.telemetry.enabled", false);
user_pref("app.normandy.enabled", false);
user_pref("services.settings.server", "data:,");
user_pref("extensions.update.enabled", false);
user_pref("browser.safebrowsing.downloads.remote.enabled", false);
`

// report has the page say what became of it.
const report = `<script>
const timer = setInterval(() => {
  if (window.frames_ < 40 && !window.trouble) return;
  clearInterval(timer);
  fetch("/said", {method: "POST", body: window.trouble || "pictures of " + window.size});
}, 50);
</script>`

// Firefox plays the picture, with its own WebRTC stack beside the data channel; also where it hears of TCP alone.
func TestFirefoxPlays(t *testing.T) {
	t.Run("by UDP", func(t *testing.T) { firefoxPlays(t, false) })
	t.Run("by TCP", func(t *testing.T) { firefoxPlays(t, true) })
}

// onlyTCP takes the UDP candidates out of answers.
type onlyTCP struct{ http.ResponseWriter }

func (w onlyTCP) Write(b []byte) (int, error) {
	for line := range bytes.Lines(b) {
		if bytes.HasPrefix(line, []byte("a=candidate:")) && bytes.Contains(line, []byte(" udp ")) {
			continue
		}
		if _, err := w.ResponseWriter.Write(line); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

func firefoxPlays(t *testing.T, byTCP bool) {
	path, err := exec.LookPath("firefox-esr")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("%v: expected Debian's firefox-esr; `make deps` installs it", err)
		}
		t.Skip("without Debian's firefox-esr")
	}
	k := newKitOverTCP(t, Config{})
	k.film(t)
	said := make(chan string, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, page+report)
	})
	mux.HandleFunc("POST /said", func(_ http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			b = []byte(err.Error())
		}
		said <- string(b) // once
	})
	whep := k.WHEP("/whep", nil)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if byTCP {
			w = onlyTCP{w}
		}
		whep.ServeHTTP(w, r)
	})
	mux.Handle("/whep", handler)
	mux.Handle("/whep/", handler)
	web := httptest.NewServer(mux)
	t.Cleanup(web.Close)
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, "user.js"), []byte(firefoxPrefs), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	browser := exec.CommandContext(ctx, path, "--headless", "--no-remote", "--profile", home, web.URL+"/")
	browser.Env = append(os.Environ(), "HOME="+home, "MOZ_HEADLESS=1")
	if err := browser.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		stop()
		browser.Wait() // it is killed
	}()
	if got := wait(t, said, "word from Firefox"); got != "pictures of 160x96" {
		t.Errorf("%s\n%+v", got, k.Stats())
	}
	if n := k.Stats().OverTCP; n == 1 != byTCP {
		t.Errorf("%d viewers by TCP", n)
	}
}
