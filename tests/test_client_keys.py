"""A client of a daemon that encrypts: it needs the daemon's key, perhaps its own, and keeps that to itself."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import pytest
import zmq
from bus_messages import prob
from zmq.auth import CURVE_ALLOW_ANY
from zmq.auth.certs import create_certificates, load_certificate
from zmq.auth.thread import ThreadAuthenticator

from mgcld.client import subscribe, subscribe_async
from mgcld.errors import ConfigError
from mgcld.service import wire


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A folder with the pairs of a daemon, a friend and a stranger; of these, the daemon knows the friend."""
    (tmp_path / "allowed").mkdir()
    for name in ("daemon", "friend", "stranger"):
        _, secret = create_certificates(tmp_path, name)
        Path(secret).chmod(0o600)
    (tmp_path / "allowed/friend.key").write_bytes((tmp_path / "friend.key").read_bytes())
    return tmp_path


class Encrypting:
    """An XPUB that lets in only whom it knows, or anybody who knows it."""

    def __init__(self, keys: Path) -> None:
        self._context = zmq.Context()
        self._guard = ThreadAuthenticator(self._context)
        self._guard.start()
        self._allowed = str(keys / "allowed")
        self._xpub = self._context.socket(zmq.XPUB)
        self._xpub.curve_publickey, self._xpub.curve_secretkey = load_certificate(keys / "daemon.key_secret")
        self._xpub.curve_server = True
        self.endpoint = f"tcp://127.0.0.1:{self._xpub.bind_to_random_port('tcp://127.0.0.1')}"

    def let_in(self, *, anybody: bool) -> None:
        self._guard.configure_curve(location=CURVE_ALLOW_ANY if anybody else self._allowed)

    def is_joined(self, seconds: float) -> bool:
        """Whether a subscriber comes in time; it is told one thing."""
        if not self._xpub.poll(round(1000 * seconds)):
            return False
        self._xpub.recv()
        self._xpub.send_multipart(wire.frames(wire.Stamper("attic").stamp(prob())))
        return True

    def __enter__(self) -> "Encrypting":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._xpub.close(linger=0)
        self._guard.stop()
        self._context.term()


@pytest.fixture
def encrypting(keys: Path) -> Iterator[Encrypting]:
    with Encrypting(keys) as started:
        yield started


@pytest.mark.parametrize("as_path", [True, False])
def test_a_client_that_the_daemon_knows_hears_it(encrypting: Encrypting, keys: Path, as_path: bool) -> None:
    encrypting.let_in(anybody=False)
    daemon = str(keys / "daemon.key") if as_path else load_certificate(keys / "daemon.key")[0].decode()
    with subscribe(
        encrypting.endpoint, timeout_seconds=20, server_key=daemon, key_file=keys / "friend.key_secret"
    ) as messages:
        assert encrypting.is_joined(20)
        assert next(messages).source == "mic1"


def test_where_anybody_may_listen_the_daemon_s_key_is_enough(encrypting: Encrypting, keys: Path) -> None:
    encrypting.let_in(anybody=True)
    with subscribe(encrypting.endpoint, timeout_seconds=20, server_key=keys / "daemon.key") as messages:
        assert encrypting.is_joined(20)
        assert next(messages).source == "mic1"


def test_whoever_is_a_stranger_or_takes_another_for_the_daemon_hears_nothing(
    encrypting: Encrypting, keys: Path
) -> None:
    encrypting.let_in(anybody=False)
    daemon, stranger = keys / "daemon.key", keys / "stranger.key_secret"
    with (
        subscribe(encrypting.endpoint),
        subscribe(encrypting.endpoint, server_key=daemon),
        subscribe(encrypting.endpoint, server_key=daemon, key_file=stranger),
        subscribe(encrypting.endpoint, server_key=keys / "friend.key", key_file=keys / "friend.key_secret"),
    ):
        assert not encrypting.is_joined(1)


def test_asyncio_takes_keys_as_well(encrypting: Encrypting, keys: Path) -> None:
    encrypting.let_in(anybody=False)

    async def listen() -> str | None:
        async with subscribe_async(
            encrypting.endpoint, timeout_seconds=20, server_key=keys / "daemon.key", key_file=keys / "friend.key_secret"
        ) as messages:
            assert encrypting.is_joined(20)
            return (await anext(messages)).source

    assert asyncio.run(listen()) == "mic1"


def test_a_secret_that_others_can_read_is_refused(keys: Path) -> None:
    secret = keys / "friend.key_secret"
    secret.chmod(0o640)
    with pytest.raises(ConfigError, match="can be read by others") as refusal:
        subscribe(server_key=keys / "daemon.key", key_file=secret)
    assert f"chmod 600 {secret}" in refusal.value.help


def test_keys_that_are_none_are_named_errors_that_repeat_none(keys: Path) -> None:
    secret = load_certificate(keys / "friend.key_secret")[1]
    assert secret is not None
    (keys / "empty.key").touch()
    (keys / "bad.key").write_text('public-key = "short"')
    for server_key, key_file, said in (
        (secret.decode()[:-1], None, "no key"),
        ("", None, "no key"),
        ("ü" * 20, None, "no key"),
        (keys / "bad.key", None, "no key"),
        (keys / "absent.key", None, "absent.key"),
        (keys / "empty.key", None, "empty.key"),
        (keys, None, "no key file"),
        (keys / "daemon.key", keys / "absent.key_secret", "absent.key_secret"),
        (keys / "daemon.key", keys / "friend.key", "no secret key"),
        (None, keys / "friend.key_secret", "without the server's key"),
    ):
        with pytest.raises(ConfigError, match=said) as refusal:
            subscribe(server_key=server_key, key_file=key_file)
        assert refusal.value.help
        assert secret.decode()[:-1] not in f"{refusal.value} {refusal.value.help}"
