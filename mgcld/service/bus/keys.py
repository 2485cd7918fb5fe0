"""Key files: the daemon's own pair, and the folder of those who may listen. The format is pyzmq's and czmq's."""

import os
import re
import stat
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import zmq
from zmq.utils import z85

from mgcld.errors import ConfigError

PUBLIC, SECRET = ".key", ".key_secret"
LINE = re.compile(rb'^\s*(public|secret)-key\s*=\s*"([^"\s]{1,200})"\s*$', re.MULTILINE)
FILE_BYTES = 16_384
"""No key file is as large; more is not read."""
OTHERS = 0o077
NEW_PAIR = "make a pair with `mgcld keys new`"


@dataclass(frozen=True, slots=True)
class CurveKeys:
    """What a socket needs to encrypt, and where the keys lie of those who may connect."""

    public: bytes
    """The daemon's, in Z85 (40 characters): listeners must know it."""
    secret: bytes = field(repr=False)
    clients: Path | None = None
    """Folder of `.key` files; None lets nobody in."""

    @classmethod
    def load(cls, key_file: Path, clients: Path | None = None) -> "CurveKeys":
        """Read the secret key.

        Raises:
            ConfigError: it is not there, no secret key, or others than its owner may read it.
        """
        found = read(key_file)
        if "secret" not in found:
            also = key_file.with_suffix(SECRET)
            raise ConfigError(
                f"{key_file}: it holds no secret key, only a public key",
                help=f"give the file that ends in {SECRET}; it is usually beside this one: {also}",
            )
        if not _private(key_file):
            raise ConfigError(f"{key_file}: others can read this secret key", help=f"chmod 600 {key_file}")
        return cls(zmq.curve_public(found["secret"]), found["secret"], clients)


def read(path: Path) -> Mapping[str, bytes]:
    """The keys of a file, `public` and, in a secret file, `secret` too, in Z85.

    Raises:
        ConfigError: it cannot be read, or holds no key. What it holds is never told.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ConfigError(f"{path}: no key file, for it is no file", help=NEW_PAIR)
        with path.open("rb") as file:
            content = file.read(FILE_BYTES)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", help=NEW_PAIR) from error
    found = {name.decode(): key for name, key in LINE.findall(content)}
    if not all(map(is_key, found.values())) or "public" not in found:
        raise ConfigError(f"{path}: no key file", help=NEW_PAIR)
    if "secret" in found and found["public"] != zmq.curve_public(found["secret"]):
        raise ConfigError(f"{path}: its two keys are no pair", help=NEW_PAIR)
    return found


def public(path: Path) -> bytes:
    """The key of a public file.

    Raises:
        ConfigError: it cannot be read, holds no key, or a secret one, which nobody but its owner may have.
    """
    found = read(path)
    if "secret" in found:
        raise ConfigError(
            f"{path}: it holds a secret key, which nobody but its owner may have",
            help=f"take the public one, {path.with_suffix(PUBLIC)}; if this one was sent to you, have a new pair made",
        )
    return found["public"]


def is_key(text: bytes) -> bool:
    """Whether it is 32 bytes in Z85; whether public or secret, nobody can see."""
    try:
        return len(text) == 40 and z85.encode(z85.decode(text)) == text
    except (ValueError, KeyError, struct.error):  # how pyzmq says that it is no Z85
        return False


def create(folder: Path, name: str) -> CurveKeys:
    """Write NAME.key, for everybody, and NAME.key_secret, that only its owner can read from its first byte on.

    Raises:
        OSError: the folder cannot be written, or (FileExistsError) one of the files is there; nothing is overwritten.
    """
    folder.mkdir(parents=True, exist_ok=True)
    own, secret = zmq.curve_keypair()
    private = folder / f"{name}{SECRET}"
    _write_new(private, file_text(own, secret), 0o600)
    try:
        _write_new(folder / f"{name}{PUBLIC}", file_text(own), 0o644)
    except OSError:
        private.unlink()
        raise
    return CurveKeys(own, secret)


def file_text(own: bytes, secret: bytes | None = None) -> bytes:
    """A key file as pyzmq and czmq read it."""
    lines = ["#   ZeroMQ CURVE key of mgcld: " + ("public" if secret is None else "SECRET, never hand it on")]
    lines += ["", "metadata", "curve", f'    public-key = "{own.decode()}"']
    lines += [] if secret is None else [f'    secret-key = "{secret.decode()}"']
    return "\n".join([*lines, ""]).encode()


def _write_new(path: Path, content: bytes, mode: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)


def _private(path: Path) -> bool:
    """Only the owner reads it, or systemd hands it to this service alone; what is not there has nothing to hide."""
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    if credentials and path.resolve().is_relative_to(Path(credentials).resolve()):
        return True
    try:
        return not path.stat().st_mode & OTHERS
    except OSError:
        return True
