"""The container files, by what they say: no engine runs here. Their health check does run."""

import fnmatch
import json
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

import mgcld
from mgcld.config import load_config

CHECKOUT = Path(__file__).parents[1]
FILES = ("Containerfile", "Containerfile.cuda")
KNOWN = {
    *("ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "FROM", "HEALTHCHECK", "RUN", "STOPSIGNAL", "USER", "VOLUME"),
    "WORKDIR",
}


def instructions(name: str = "Containerfile") -> list[tuple[str, str]]:
    """(instruction, the rest of its line), with continued lines joined."""
    text = (CHECKOUT / name).read_text(encoding="utf-8")
    lines = re.sub(r"\s*\\\n\s*", " ", re.sub(r"(?m)^#.*\n", "", text)).splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines if line)]


def values(word: str, name: str = "Containerfile") -> list[str]:
    return [rest for found, rest in instructions(name) if found == word]


def last_stage() -> list[tuple[str, str]]:
    found = instructions()
    return found[max(i for i, (word, _) in enumerate(found) if word == "FROM") :]


def health_check() -> list[str]:
    """Its command, for this Python."""
    (check,) = values("HEALTHCHECK")
    command: list[str] = json.loads(check.partition("CMD ")[2])
    return [sys.executable, *command[1:]]


@contextmanager
def answering(status: int) -> Iterator[int]:
    """The port of an HTTP server that gives this answer to /healthz and 404 to anything else."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/healthz" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def checked(port: int) -> int:
    command = [part.replace(":5766/", f":{port}/") for part in health_check()]
    return subprocess.run(command, capture_output=True, timeout=60).returncode


@pytest.mark.parametrize("name", FILES)
def test_every_line_is_an_instruction(name: str) -> None:
    assert {word for word, _ in instructions(name)} <= KNOWN


@pytest.mark.parametrize("name", FILES)
def test_it_runs_as_a_user_by_number_who_is_not_root(name: str) -> None:
    """A cluster that forbids root looks at the number."""
    user = values("USER", name)[-1]
    assert user.isdecimal()
    assert int(user) > 0


def test_the_user_owns_what_it_writes() -> None:
    made = " ".join(rest for word, rest in last_stage() if word == "RUN")
    (environment,) = (rest for word, rest in last_stage() if word == "ENV")
    assert f"--uid {values('USER')[-1]} --groups audio" in made
    for folder in re.findall(r"(?:STATE|RUNTIME)_DIRECTORY=(\S+)", environment):
        assert re.search(rf"install -d -o mgcld -m 07[05]0 {folder}\b", made)
    assert json.loads(values("VOLUME")[0]) == values("WORKDIR")[-1:]


def test_what_it_copies_is_here_and_goes_to_the_builder() -> None:
    """And what the wheel is built from is among it."""
    copied = {source for line in values("COPY") if not line.startswith("--from") for source in line.split()[:-1]}
    ignore = (CHECKOUT / ".containerignore").read_text().splitlines()
    assert "*" in ignore
    for source in copied:
        assert (CHECKOUT / source).exists()
        assert any(fnmatch.fnmatch(source, line[1:]) for line in ignore if line.startswith("!")), source
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    needed = {"pyproject.toml", project["project"]["readme"], *project["project"]["license-files"]}
    assert copied == needed | set(project["tool"]["setuptools"]["package-dir"].values())


def test_versions_are_those_of_the_project() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = dict(re.findall(r"(torch|torchaudio)==([\d.]+)\.\*", " ".join(project["dependencies"])))
    installed = dict(re.findall(r"(torch|torchaudio)==([\d.]+)\.\d+", " ".join(values("RUN"))))
    assert installed == wanted
    bases = {line.split()[0] for line in values("FROM")}
    assert len(bases) == 1
    python = re.fullmatch(r"python:(\d+)\.(\d+)-slim-\w+", bases.pop())
    assert python is not None
    assert (int(python[1]), int(python[2])) >= (3, 11)
    assert values("ARG", "Containerfile.cuda") == [f"BASE=mgcld:{mgcld.__version__}"]


def test_it_starts_the_daemon_and_is_stopped_as_the_daemon_expects() -> None:
    assert json.loads(values("ENTRYPOINT")[0]) == ["mgcld"]
    assert json.loads(values("CMD")[0]) == ["run", "--quiet", "-c", "/etc/mgcld/config.yaml"]
    assert values("STOPSIGNAL") == ["SIGTERM"]


def test_the_health_check_asks_where_the_service_s_configuration_answers() -> None:
    http = load_config(CHECKOUT / "config" / "service.yaml", {}).http
    assert http is not None
    assert f"http://{http.address}/healthz" in health_check()[-1]


def test_the_health_check_tells_well_from_ill(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # as of a container that reaches the world by a proxy
    with answering(200) as port:
        assert checked(port) == 0
    assert checked(port) != 0, "nobody is there any more"
    with answering(503) as port:
        assert checked(port) != 0
