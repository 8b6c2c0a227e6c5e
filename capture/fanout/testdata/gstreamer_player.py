# Plays a WHEP address with GStreamer's webrtcbin, as its whepsrc element does, and says how many pictures were decoded.
import sys, urllib.parse, urllib.request
import gi

for name in ("Gst", "GstSdp", "GstWebRTC"):
    gi.require_version(name, "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC

address, wanted = sys.argv[1], int(sys.argv[2])
Gst.init(None)
pipe = Gst.Pipeline()
rtc = Gst.ElementFactory.make("webrtcbin")
rtc.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
pipe.add(rtc)
loop = GLib.MainLoop()
session = None
seen = 0


def count(_sink, _buffer, pad):
    global seen
    seen += 1
    if seen == wanted:
        caps = pad.get_current_caps().get_structure(0)
        print(f"{wanted} pictures of {caps.get_int('width')[1]}x{caps.get_int('height')[1]}", flush=True)
        loop.quit()


def pad_added(_rtc, pad):
    if pad.get_direction() != Gst.PadDirection.SRC:
        return
    decode = Gst.parse_bin_from_description("rtph264depay ! h264parse ! avdec_h264 ! fakesink name=end signal-handoffs=true sync=false", True)
    decode.get_by_name("end").connect("handoff", count)
    pipe.add(decode)
    decode.sync_state_with_parent()
    pad.link(decode.get_static_pad("sink"))


def candidates_there(rtc, _):
    global session
    if rtc.get_property("ice-gathering-state") != GstWebRTC.WebRTCICEGatheringState.COMPLETE:
        return
    offer = rtc.get_property("local-description").sdp.as_text()
    ask = urllib.request.Request(address, offer.encode(), {"Content-Type": "application/sdp"})
    try:
        with urllib.request.urlopen(ask) as answer:
            session = urllib.parse.urljoin(address, answer.headers["Location"])
            _, sdp = GstSdp.SDPMessage.new_from_text(answer.read().decode())
    except urllib.error.HTTPError as refused:
        print(refused.code, refused.read().decode(), offer, file=sys.stderr)
        loop.quit()
        return
    rtc.emit("set-remote-description", GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, sdp), Gst.Promise.new())


def offer_made(promise, _):
    promise.wait()
    reply = promise.get_reply()  # owns the offer
    rtc.emit("set-local-description", reply.get_value("offer"), Gst.Promise.new())


rtc.connect("pad-added", pad_added)
rtc.connect("notify::ice-gathering-state", candidates_there)
recv = GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY
for caps in sys.argv[3:]:
    rtc.emit("add-transceiver", recv, Gst.Caps.from_string(caps))
pipe.set_state(Gst.State.PLAYING)
rtc.emit("create-offer", None, Gst.Promise.new_with_change_func(offer_made, None))
GLib.timeout_add_seconds(30, loop.quit)
loop.run()
if session:
    urllib.request.urlopen(urllib.request.Request(session, method="DELETE")).close()
pipe.set_state(Gst.State.NULL)
