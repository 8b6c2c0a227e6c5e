# Plays a WHEP address with aiortc, and says how many pictures were decoded.
import asyncio, sys, urllib.parse, urllib.request
from aiortc import RTCPeerConnection, RTCSessionDescription


async def main(address, wanted):
    pc = RTCPeerConnection()
    done = asyncio.get_running_loop().create_future()

    @pc.on("track")
    def track(t):
        async def read():
            for n in range(wanted):
                frame = await t.recv()
            done.set_result(f"{wanted} pictures of {frame.width}x{frame.height}")

        if t.kind == "video":
            asyncio.ensure_future(read())

    pc.addTransceiver("video", direction="recvonly")
    await pc.setLocalDescription(await pc.createOffer())
    ask = urllib.request.Request(address, pc.localDescription.sdp.encode(), {"Content-Type": "application/sdp"})
    with urllib.request.urlopen(ask) as answer:
        session, sdp = urllib.parse.urljoin(address, answer.headers["Location"]), answer.read().decode()
    await pc.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
    print(await asyncio.wait_for(done, 30), flush=True)
    urllib.request.urlopen(urllib.request.Request(session, method="DELETE")).close()
    await pc.close()


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
