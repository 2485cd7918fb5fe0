"""An RTSP server on loopback that does on demand what a good one never does.

    python tests/servers/rude_rtsp.py [port] [command ...]

It prints its port, obeys the commands of its command line and then each line on its standard input, and ends by itself
after `LIFETIME_SECONDS`. Every connection plays `servers.rtp.signal` from sample 0 on, in RTP over its own TCP
connection; UDP is refused with 461. A frame of L16, PCMU and PCMA is 20 ms. Tests may also run a `Peer` in a thread.

Settings, KEY=VALUE; these hold for connections that come later:

    codec=L16       L16 PCMU PCMA G726-16 G726-24 G726-32 G726-40 OPUS AAC UNKNOWN
    rate=8000       of the sound (Hz); OPUS wants 48000, G726 8000
    tracks=audio    audio, video (no sound), both (a picture first), none
    insist=         setup: refuses to set up the sound before the picture; play: refuses to play without the picture
    describe=200    status of that answer: 401 403 404 503 ...
    password=       user:password that it wants
    auth=basic      or digest
    greeting=       sent at once, instead of RTSP
    mute=0          1: it accepts and never answers
    dumb=0          1: it answers everything, and nothing comes after PLAY
    stamp=0         RTP time stamp of sample 0
    drift=0         how much too fast its sample clock runs (parts per million)
    ntp_offset=0    how far its UTC is ahead of ours (seconds)
    report_after=0  its first sender report comes before this second of the sound
    report_every=0  and then so often (seconds); 0: none at all

and these also at once:

    speed=1         0.05: a trickle; 0: as fast as the network takes it
    zeros=0         1: digital silence

Actions, on every connection that plays:

    stall           sends nothing more; the connection stays open
    resume          sends what has waited, in a burst, and goes on
    drop N          leaves out the next N frames: loss
    restamp N       goes on with the time stamp N, as if started anew
    end             closes between two packets
    fin, rst        closes within a packet, after an odd byte: politely, or with a reset
    at N ACTION     the action (or setting) once, when some connection is at sample N
    tls CERT KEY    speaks TLS (rtsps) with connections that come later; two files (PEM)
    refuse, serve   stops listening: connections are refused; listens again
    status          prints a line of JSON: `asked` (requests so far), `playing` (the next sample of each connection)
"""

import base64
import contextlib
import hashlib
import json
import select
import socket
import ssl
import struct
import sys
import threading
import time
from dataclasses import dataclass, field, fields, replace
from http import HTTPStatus
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from servers.rtp import Audio, interleaved, packet, sender_report, signal

LIFETIME_SECONDS = 600
STEP_SECONDS = 0.01
BURST = 100
"""Frames that are sent before it looks up."""
PICTURE = "m=video 0 RTP/AVP 26\r\na=control:picture\r\n"
REASONS = {
    **{status.value: status.phrase for status in HTTPStatus},
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    461: "Unsupported Transport",
}
REALM, NONCE = "rude", "5ccc069c403ebaf9f0171e9517f40e41"


@dataclass(frozen=True, slots=True)
class Manners:
    """How it behaves: see above."""

    codec: str = "L16"
    rate: int = 8000
    tracks: str = "audio"
    insist: str = ""
    describe: int = 200
    password: str = ""
    auth: str = "basic"
    greeting: str = ""
    mute: int = 0
    dumb: int = 0
    stamp: int = 0
    drift: float = 0.0
    ntp_offset: float = 0.0
    report_after: float = 0.0
    report_every: float = 0.0
    speed: float = 1.0
    zeros: int = 0

    def changed(self, key: str, value: str) -> "Manners":
        """With one setting more."""
        kinds = {known.name: type(known.default) for known in fields(self)}
        return replace(self, **{key: kinds[key](value)})


@dataclass(slots=True)
class Peer:
    """Serves any number of connections, each in a thread, until the `with` block ends."""

    port: int = 0
    tls: ssl.SSLContext | None = None
    manners: Manners = field(default_factory=Manners)
    asked: list[str] = field(default_factory=list)
    """Every request, in order."""
    connections: list["Connection"] = field(default_factory=list)
    pending: list[tuple[int, str]] = field(default_factory=list)
    """(sample, command)"""
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _socket: socket.socket | None = None

    def __enter__(self) -> "Peer":
        self._listen()
        self._threads.append(threading.Thread(target=self._accept, name="peer"))
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(10)
        self._leave()

    @property
    def over(self) -> bool:
        return self._over.is_set()

    def do(self, *commands: str) -> None:
        """Obey, in order."""
        for command in commands:
            key, equals, value = command.partition("=")
            verb, *words = command.split()
            if equals and " " not in key:
                self.manners = self.manners.changed(key, value)
            elif verb == "at":
                self.pending.append((int(words[0]), " ".join(words[1:])))
            elif verb == "tls":
                self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                self.tls.load_cert_chain(*words)
            elif verb in ("refuse", "serve"):
                (self._leave if verb == "refuse" else self._listen)()
            elif verb == "status":
                playing = [connection.sample for connection in self.connections if connection.playing]
                print(json.dumps({"asked": self.asked, "playing": playing}), flush=True)
            else:
                for connection in self.connections:
                    connection.act(verb, *words)

    def due(self, sample: int) -> list[str]:
        """The commands that waited for this sample; they are forgotten."""
        found = [entry for entry in self.pending if entry[0] <= sample]
        for entry in found:
            self.pending.remove(entry)
        return [command for _, command in found]

    def _listen(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", self.port))
        self._socket.settimeout(0.05)
        self.port = self._socket.getsockname()[1]

    def _leave(self) -> None:
        listening, self._socket = self._socket, None
        if listening is not None:
            listening.close()

    def _accept(self) -> None:
        while not self.over:
            listening = self._socket
            try:
                accepted = listening.accept()[0] if listening else time.sleep(0.05)
            except OSError:  # nobody came, or it has just stopped listening
                continue
            if accepted is not None:
                thread = threading.Thread(target=self._serve, args=(accepted,), name="peer-connection")
                self._threads = [*(old for old in self._threads if old.is_alive()), thread]
                thread.start()

    def _serve(self, accepted: socket.socket) -> None:
        with contextlib.suppress(OSError):
            accepted.settimeout(5)
            with self.tls.wrap_socket(accepted, server_side=True) if self.tls else accepted as connected:
                connection = Connection(self, connected)
                self.connections.append(connection)
                try:
                    connection.serve()
                finally:
                    self.connections.remove(connection)
        accepted.close()


class Connection:
    """One viewer."""

    def __init__(self, peer: Peer, connected: socket.socket) -> None:
        self._peer = peer
        self._socket = connected
        self._manners = peer.manners
        self._audio = Audio(peer.manners.codec, peer.manners.rate)
        self._received = b""
        self._set_up: dict[str, int] = {}  # track -> channel
        self._stalled = bool(peer.manners.dumb)
        self._orders: list[tuple[str, list[str]]] = []
        self._closed = False
        self.playing = False
        self.sample = 0
        """The next one, by the codec's clock."""

    def act(self, verb: str, *words: str) -> None:
        """From any thread."""
        self._orders.append((verb, list(words)))

    def serve(self) -> None:
        self._socket.sendall(self._manners.greeting.encode())
        while not (self._closed or self._peer.over):
            self._hear()
            for verb, words in self._taken():
                self._obey(verb, words)
            if self.playing and not self._closed:
                self._play()

    def _hear(self) -> None:
        readable = self._socket.pending() if isinstance(self._socket, ssl.SSLSocket) else 0
        if not readable and not select.select([self._socket], [], [], STEP_SECONDS)[0]:
            return
        data = self._socket.recv(4096)
        self._closed = not data
        self._received += data
        while b"\r\n\r\n" in self._received and not self._manners.mute:
            self._skip_reports()
            request, _, self._received = self._received.partition(b"\r\n\r\n")
            self._peer.asked.append(request.decode())
            self._socket.sendall(self._reply(request.decode()))

    def _skip_reports(self) -> None:
        while self._received[:1] == b"$" and len(self._received) >= 4:
            self._received = self._received[4 + int.from_bytes(self._received[2:4]) :]

    def _reply(self, request: str) -> bytes:
        first, *lines = request.split("\r\n")
        method, address, _ = first.split()
        headers = dict(line.split(": ", 1) for line in lines)
        status, told, body = self._answer(method, address, headers)
        told = {"CSeq": headers["CSeq"], "Session": "1", **told}
        head = "".join(f"{key}: {value}\r\n" for key, value in told.items())
        return f"RTSP/1.0 {status} {REASONS.get(status, 'No')}\r\n{head}\r\n{body}".encode()

    def _answer(self, method: str, address: str, headers: dict[str, str]) -> tuple[int, dict[str, str], str]:
        if method != "OPTIONS" and not self._welcome(method, address, headers.get("Authorization", "")):
            return 401, {"WWW-Authenticate": _challenge(self._manners.auth)}, ""
        if method == "DESCRIBE":
            body = self._description() if self._manners.describe == 200 else ""
            told = {"Content-Type": "application/sdp", "Content-Length": str(len(body))}
            return self._manners.describe, told, body
        if method == "SETUP":
            return self._setup(address.rpartition("/")[2], headers["Transport"])
        if method == "PLAY":
            if self._manners.insist == "play" and "picture" not in self._set_up:
                return 455, {}, ""
            self._begin()
        self._closed = method == "TEARDOWN"
        return 200, {}, ""

    def _welcome(self, method: str, address: str, given: str) -> bool:
        if not self._manners.password:
            return True
        if self._manners.auth == "basic":
            return given == "Basic " + base64.b64encode(self._manners.password.encode()).decode()
        user, _, password = self._manners.password.partition(":")
        proof = _md5(f"{_md5(f'{user}:{REALM}:{password}')}:{NONCE}:{_md5(f'{method}:{address}')}")
        return given.startswith("Digest ") and f'response="{proof}"' in given

    def _description(self) -> str:
        sound = f"{self._audio.description}a=control:sound\r\n"
        media = {"audio": sound, "video": PICTURE, "both": PICTURE + sound, "none": ""}[self._manners.tracks]
        return f"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n{media}"

    def _setup(self, track: str, transport: str) -> tuple[int, dict[str, str], str]:
        if "interleaved=" not in transport:
            return 461, {}, ""
        if self._manners.insist == "setup" and track == "sound" and "picture" not in self._set_up:
            return 455, {}, ""
        channels = transport.partition("interleaved=")[2].partition(";")[0]
        self._set_up[track] = int(channels.partition("-")[0])
        return 200, {"Transport": f"RTP/AVP/TCP;unicast;interleaved={channels}"}, ""

    def _begin(self) -> None:
        self.playing = "sound" in self._set_up
        self._frames = self._audio.frames(self._sound)
        self._utc = time.time()
        self._next = time.monotonic()
        self._sequence = 0
        self._origin = self._manners.stamp
        self._reported = self._manners.report_after * self._audio.clock_rate if self._manners.report_every else None

    def _sound(self, first: int, count: int) -> np.ndarray:
        sound = signal(first, count, self._audio.rate)
        return sound * 0 if self._peer.manners.zeros else sound

    def _taken(self) -> list[tuple[str, list[str]]]:
        taken = [self._orders.pop(0) for _ in range(len(self._orders))]
        return taken if self.playing else []

    def _obey(self, verb: str, words: list[str]) -> None:
        if verb in ("stall", "resume"):
            self._stalled = verb == "stall"
        elif verb == "drop":
            for _ in range(int(words[0])):
                self._skip(next(self._frames).samples)
        elif verb == "restamp":
            self._origin = int(words[0]) - self.sample
        elif verb in ("end", "fin", "rst"):
            self._close(verb)
        else:
            raise ValueError(f"{verb!r} is no command")

    def _close(self, verb: str) -> None:
        if verb != "end":
            whole = self._packet()
            self._socket.sendall(whole[: len(whole) // 4 * 2 + 1])
        if verb == "rst":
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._closed = True

    def _play(self) -> None:
        for _ in range(BURST):
            for command in self._peer.due(self.sample):
                verb, *words = command.split()
                if "=" in verb:
                    self._peer.do(command)
                else:
                    self._obey(verb, words)
            if self._closed or self._stalled or time.monotonic() < self._next:
                return
            self._report()
            self._socket.sendall(self._packet())

    def _packet(self) -> bytes:
        frame = next(self._frames)
        made = packet(frame, self._sequence, self._origin + self.sample)
        self._skip(frame.samples)
        return interleaved(self._set_up["sound"], made)

    def _skip(self, samples: int) -> None:
        self.sample += samples
        self._sequence += 1
        if self._peer.manners.speed:
            self._next += self._seconds(samples) / self._peer.manners.speed

    def _seconds(self, samples: int) -> float:
        return samples / (self._audio.clock_rate * (1 + self._manners.drift / 1e6))

    def _report(self) -> None:
        if self._reported is None or self.sample < self._reported:
            return
        self._reported += self._manners.report_every * self._audio.clock_rate
        utc = self._utc + self._manners.ntp_offset + self._seconds(self.sample)
        report = sender_report(utc, self._origin + self.sample, self._sequence)
        self._socket.sendall(interleaved(self._set_up["sound"] + 1, report))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def _challenge(auth: str) -> str:
    return f'Basic realm="{REALM}"' if auth == "basic" else f'Digest realm="{REALM}", nonce="{NONCE}"'


def main(port: str = "0", *commands: str) -> None:
    with Peer(port=int(port)) as peer:
        peer.do(*commands)
        print(peer.port, flush=True)
        deadline = time.monotonic() + LIFETIME_SECONDS
        threading.Thread(target=_obey_lines, args=(peer,), daemon=True).start()
        while time.monotonic() < deadline:
            time.sleep(0.2)


def _obey_lines(peer: Peer) -> None:
    for line in sys.stdin:
        if line.strip():
            peer.do(line.strip())


if __name__ == "__main__":
    main(*sys.argv[1:])
