package main

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"edgekit.internal/cmd/internal/kittest"
)

// watchStep runs in the page before its own scripts. With each picture it looks at the pixels in the middle of the row of cards: with the
// mug's card and the pen's there is a gap, with the pen's alone its price is there, on amber. Then it asks the browser what a finger
// would meet a little to the left, which lies in the mug's card of two and in the pen's alone; and whether the areas that came last
// would have said the same. Now and then it taps there. When the browser is late it tells the page of a picture while the next is on the
// screen already; by the clock in the picture these are known and passed over.
const watchStep = stripScript + `
window.step = {pictures: 0, passed: 0, wrong: [], ahead: 0, moves: 0, taps: [], sent: []};
{
	let latest = null, was = null, next = 0;
	const create = RTCPeerConnection.prototype.createDataChannel;
	RTCPeerConnection.prototype.createDataChannel = function (...a) {
		const c = create.apply(this, a), send = c.send;
		c.addEventListener("message", (e) => { const m = JSON.parse(e.data); if (m.type === "areas") latest = m.areas; });
		c.send = function (m) { const o = JSON.parse(m); if (o.type === "tap") window.step.sent.push([o.offer, o.frame]); return send.call(this, m); };
		return c;
	};
	const canvas = document.createElement("canvas");
	canvas.width = canvas.height = 1;
	const ctx = canvas.getContext("2d", {willReadFrequently: true});
	window.watchStep = () => {
		const v = document.querySelector("video"), s = window.step;
		const seen = (now, meta) => {
			v.requestVideoFrameCallback(seen);
			const w = v.videoWidth, h = v.videoHeight;
			const f = Object.assign(new VideoFrame(v), {videoWidth: w, videoHeight: h}); // one picture: the next may come any moment
			ctx.drawImage(f, w * 0.5, h * 0.79, 1, 1, 0, 0, 1, 1);
			const [r, g, b] = ctx.getImageData(0, 0, 1, 1).data, at90 = clock(f) * 90;
			f.close();
			if ((meta.rtpTimestamp - at90 % 2 ** 32 >>> 0) >= 90) { s.passed++; return; }
			const card = r > 180 && g > 140 && b < 140 ? "pen" : "mug";
			const box = v.getBoundingClientRect(), scale = Math.min(box.width / w, box.height / h);
			const at = [box.x + box.width / 2 - w * scale * 0.08, box.y + box.height / 2 + h * scale * 0.29];
			const under = document.elementFromPoint(...at);
			const name = (e) => { const l = e && e.closest("button") && e.closest("button").ariaLabel || ""; return l.includes("Mug") ? "mug" : l.includes("Pen") ? "pen" : l; };
			s.pictures++;
			if (was && was !== card) s.moves++;
			was = card;
			if (name(under) !== card) s.wrong.push([card, name(under), meta.rtpTimestamp, r, g, b]);
			if (latest && latest.length !== (card === "mug" ? 2 : 1)) s.ahead++;
			if (now > next && under) {
				next = now + 400;
				const e = {bubbles: true, cancelable: true, clientX: at[0], clientY: at[1], pointerId: 1, isPrimary: true, detail: 1};
				const sent = s.sent.length;
				under.dispatchEvent(new PointerEvent("pointerdown", e));
				under.dispatchEvent(new PointerEvent("pointerup", e));
				under.dispatchEvent(new PointerEvent("click", e));
				if (s.sent.length > sent) s.taps.push([card, meta.rtpTimestamp]);
			}
		};
		v.requestVideoFrameCallback(seen);
	};
}`

// TestATapIsOnTheCardSeen moves a card as fast as pictures come: the mug's is there and is not, in turn, which moves the pen's. What is
// under the finger must be what the picture on the screen shows there, not what the kit drew since.
func TestATapIsOnTheCardSeen(t *testing.T) {
	k := kittest.StartIn(t, t.TempDir(), "-catalog", kittest.File(t, "catalogue.json", `{"currency":"EUR",
"skus":[{"sku":"MUG","title":"Mug","price":1250,"tax":19.0,"stock":1000000},{"sku":"PEN","title":"Pen","price":300,"tax":19.0,"stock":1000000}],
"offers":[{"id":"mug","title":"Mug","lines":[{"sku":"MUG","n":1}],"price":1000,"state":"live"},
{"id":"pen","title":"Pen","lines":[{"sku":"PEN","n":1}],"price":250,"state":"live"}]}`))
	b := kittest.Browser(t, watchStep)
	kittest.Open(t, b, k.Viewer+"/")
	kittest.Press(t, b, "Agree")
	kittest.See(t, b, "moving picture", seen+` > 30`)
	kittest.See(t, b, "both cards", `document.querySelectorAll("#over button:not([hidden])").length === 2`)
	op := k.Pair(t)
	ctx, stop := context.WithCancel(t.Context())
	moved := make(chan int)
	go func() {
		n, tick := 0, time.NewTicker(time.Second/30)
		defer tick.Stop()
		for ; ctx.Err() == nil; n++ {
			if status, b, err := op.Do("PUT", "/api/operator/offers/mug", map[string]string{"state": []string{"over", "live"}[n%2]}); status != 204 {
				t.Errorf("%d %s %v", status, b, err)
				break
			}
			<-tick.C
		}
		moved <- n
	}()
	kittest.Read(t, b, `window.watchStep()`)
	for _, n := range []int{50, 100, 150} { // each within its time: a busy machine shows few pictures
		kittest.See(t, b, "cards that moved", fmt.Sprintf(`window.step.moves >= %d && window.step.taps.length >= %d`, n, n/15))
	}
	stop()
	n := <-moved
	var s struct {
		Pictures, Passed, Ahead, Moves int
		Wrong                          [][]any
		Taps, Sent                     [][]any
	}
	if err := json.Unmarshal([]byte(kittest.Read(t, b, `JSON.stringify(window.step)`)), &s); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d pictures, and %d passed over; the card moved %d times of %d; in %d the latest areas were not those of the picture; %d taps", s.Pictures, s.Passed, s.Moves, n, s.Ahead, len(s.Taps))
	if len(s.Wrong) > 0 {
		t.Errorf("%d times something else was under the finger than was seen: %v", len(s.Wrong), s.Wrong[:min(len(s.Wrong), 10)])
	}
	if s.Ahead == 0 {
		t.Error("areas never came before their picture: this shows nothing")
	}
	for i := range min(len(s.Taps), len(s.Sent)) {
		if s.Taps[i][0] != s.Sent[i][0] || s.Taps[i][1] != s.Sent[i][1] {
			t.Errorf("tap %d was on %v and told the kit %v", i, s.Taps[i], s.Sent[i])
		}
	}
}
