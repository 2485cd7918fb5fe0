"""A secret in a file that others can read is used, and said once."""

import logging
from pathlib import Path

import pytest
from mgcld_plugins._secret import read_secret
from mgcld_plugins.sinks.mqtt import MqttSink
from mgcld_plugins.sinks.webhook import WebhookSink


def secret(folder: Path, mode: int, name: str = "secret", text: str = "sesame") -> Path:
    file = folder / name
    file.write_text(text)
    file.chmod(mode)
    return file


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_others_can_read_it_is_said_once_with_the_remedy(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int
) -> None:
    file = secret(tmp_path, mode)
    assert [read_secret(file, "token", "mend it") for _ in range(3)] == ["sesame"] * 3
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == f"others can read the token in {file}: chmod 600 {file}"


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_of_a_file_for_its_owner_nothing_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int) -> None:
    assert read_secret(secret(tmp_path, mode), "token", "mend it") == "sesame"
    assert not caplog.records


def test_what_systemd_hands_over_may_be_readable_for_its_group(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed = tmp_path / "handed"
    handed.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(handed))
    read_secret(secret(handed, 0o440), "token", "mend it")
    assert not caplog.records
    read_secret(secret(tmp_path, 0o440), "token", "mend it")
    assert "chmod 600" in caplog.text


def test_every_secret_of_a_sink_is_looked_at(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = {what: secret(tmp_path, 0o644, what) for what in ("token", "secret", "password")}
    headers = secret(tmp_path, 0o644, "headers", "X-Key: sesame")
    box = tmp_path / "outbox.sqlite"
    secrets = {"token_file": files["token"], "secret_file": files["secret"], "header_file": headers}
    WebhookSink("https://host/", outbox=box, **secrets).close()
    MqttSink("broker", user="me", password_file=files["password"]).close()
    said = {record.getMessage() for record in caplog.records}
    assert said == {
        f"others can read the {path.name} in {path}: chmod 600 {path}" for path in (*files.values(), headers)
    }
    assert "sesame" not in caplog.text
