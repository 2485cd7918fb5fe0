"""An RTSP server on loopback for the tests: `/usr/bin/python3 rtsp.py [port]`; it prints its port and ends by itself.

Needs Debian's python3-gi, gir1.2-gst-rtsp-server-1.0, gstreamer1.0-plugins-base and gstreamer1.0-plugins-good.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

LIFETIME_SECONDS = 300
STREAMS = {
    "/alaw": "audiotestsrc is-live=true freq=440 volume=0.5 ! audio/x-raw,rate=8000,channels=1"
    " ! alawenc ! rtppcmapay name=pay0 pt=8",
    "/l16": "audiotestsrc is-live=true freq=1000 volume=0.5 ! audio/x-raw,format=S16BE,rate=48000,channels=2"
    " ! rtpL16pay name=pay0 pt=96",
    "/opus": "audiotestsrc is-live=true freq=1000 volume=0.5 ! audio/x-raw,rate=48000,channels=2"
    " ! opusenc ! rtpopuspay name=pay0 pt=97",
    "/picture": "videotestsrc is-live=true ! video/x-raw,format=I420,width=160,height=120,framerate=10/1"
    " ! jpegenc ! rtpjpegpay name=pay0 pt=26"
    " audiotestsrc is-live=true freq=440 volume=0.5 ! audio/x-raw,rate=8000,channels=1"
    " ! mulawenc ! rtppcmupay name=pay1 pt=0",
}


def main(port: str) -> None:
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    for path, pipeline in STREAMS.items():
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(f"( {pipeline} )")
        factory.set_shared(True)
        server.get_mount_points().add_factory(path, factory)
    if not server.attach(None):
        sys.exit(f"port {port} is taken")
    print(server.get_bound_port(), flush=True)
    loop = GLib.MainLoop()
    GLib.timeout_add_seconds(LIFETIME_SECONDS, loop.quit)
    loop.run()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "0")
