"""A client of a daemon that encrypts: it needs the daemon's key, perhaps its own, and keeps that to itself."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from encrypting import Encrypting, write_keys
from zmq.auth.certs import load_certificate

from mgcld.client import subscribe, subscribe_async
from mgcld.errors import ConfigError


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    write_keys(tmp_path)
    return tmp_path


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
        (keys / "daemon.key_secret", None, "holds a secret key"),
        (keys / "daemon.key", keys / "absent.key_secret", "absent.key_secret"),
        (keys / "daemon.key", keys / "friend.key", "no secret key"),
        (None, keys / "friend.key_secret", "without the server's key"),
    ):
        with pytest.raises(ConfigError, match=said) as refusal:
            subscribe(server_key=server_key, key_file=key_file)
        assert refusal.value.help
        assert secret.decode()[:-1] not in f"{refusal.value} {refusal.value.help}"
