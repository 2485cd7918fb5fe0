"""An RTSP server whose every answer and every RTP packet is written out, for what a good server never does."""

import socket
import struct
import threading
from collections.abc import Iterable

import numpy as np

RATE = 8000
FRAME = 160
AUDIO = "m=audio 0 RTP/AVP 96\r\na=rtpmap:96 L16/8000/1\r\na=control:track\r\n"
VIDEO = "m=video 0 RTP/AVP 26\r\na=control:track\r\n"
UNKNOWN_CODEC = "m=audio 0 RTP/AVP 96\r\na=rtpmap:96 NOSUCHCODEC/8000/1\r\na=control:track\r\n"


class Peer:
    """Serves any number of connections, each in a thread, until the `with` block ends."""

    def __init__(
        self,
        *,
        media: str = AUDIO,
        packets: Iterable[bytes] = (),
        describe: str = "200 OK",
        password: str = "",
        greeting: bytes = b"",
        mute: bool = False,
        stall: bool = False,
    ) -> None:
        """`describe`: status of that answer; `password`: user:password that it wants; `mute`: it never answers.

        `greeting`: sent at once instead of RTSP; `stall`: after its packets it keeps the connection open.
        """
        self._sdp = f"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n{media}"
        self._packets = list(packets)
        self._describe = describe
        self._wanted = password
        self._greeting = greeting
        self._mute = mute
        self._stall = stall
        self._over = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept, name="peer")]
        self.asked: list[str] = []

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def __enter__(self) -> "Peer":
        self._socket.settimeout(0.05)
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(10)
        self._socket.close()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                connection, _ = self._socket.accept()
            except TimeoutError:
                continue
            self._threads.append(threading.Thread(target=self._serve, args=(connection,), name="peer-connection"))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(0.05)
            try:
                connection.sendall(self._greeting)
                self._answer(connection)
            except ConnectionError:
                pass

    def _answer(self, connection: socket.socket) -> None:
        received = b""
        while not self._over.is_set():
            try:
                data = connection.recv(4096)
            except TimeoutError:
                continue
            if not data:
                return
            received += data
            while b"\r\n\r\n" in received and not self._mute:
                request, _, received = received.partition(b"\r\n\r\n")
                self.asked.append(request.decode())
                connection.sendall(self._reply(request.decode()))
                if request.startswith(b"PLAY"):
                    connection.sendall(b"".join(self._packets))
                    if not self._stall:
                        return

    def _reply(self, request: str) -> bytes:
        headers = dict(line.split(": ", 1) for line in request.split("\r\n")[1:])
        method, status, extra, body = request.split()[0], "200 OK", "Session: 1\r\n", ""
        if method == "DESCRIBE":
            status, body = self._describe, self._sdp
            extra = f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
            if self._wanted and headers.get("Authorization") != self._wanted:
                status, extra, body = "401 Unauthorized", 'WWW-Authenticate: Basic realm="peer"\r\n', ""
        if method == "SETUP":
            extra += "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
        return f"RTSP/1.0 {status}\r\nCSeq: {headers['CSeq']}\r\n{extra}\r\n{body}".encode()


def packet(sequence: int, stamp: int, samples: np.ndarray) -> bytes:
    """One interleaved RTP packet of L16; samples: full scale ±1."""
    payload = np.round(samples * 32768).astype(">i2").tobytes()
    header = struct.pack(">BBHII", 0x80, 96, sequence % 2**16, stamp % 2**32, 1)
    return struct.pack(">cBH", b"$", 0, len(header) + len(payload)) + header + payload


def packets(sound: np.ndarray, stamps: Iterable[int] | None = None, first_sequence: int = 0) -> list[bytes]:
    """The sound in frames of `FRAME` samples, each with its stamp (its own index where none are given)."""
    frames = [sound[start : start + FRAME] for start in range(0, len(sound), FRAME)]
    told = list(stamps) if stamps is not None else [FRAME * index for index in range(len(frames))]
    return [packet(first_sequence + i, stamp, frame) for i, (stamp, frame) in enumerate(zip(told, frames, strict=True))]
