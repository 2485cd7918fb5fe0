"""The main job: recordings → `mgcld train` → `mgcld run` → what a subscriber in another process hears."""

import itertools
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from children import Child
from commands import AS_IN_A_TERMINAL, is_polite, mgcld, mgcld_child

from mgcld.demo.scene import Truth, load_truth
from mgcld.model.checkpoint import load_adapter

SUBSCRIBER = Path(__file__).with_name("subscriber.py")


def subscriber(endpoint: str, *topics: str) -> Child:
    return Child(SUBSCRIBER, endpoint, *topics)


def endpoint_of(daemon: Child) -> str:
    """Wait until it publishes, and say where."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for line in daemon.errors.splitlines():
            if "publishing on " in line:
                return line.rpartition(" ")[2]
        assert daemon.process.poll() is None, daemon.errors
        time.sleep(0.05)
    raise AssertionError(daemon.errors)


def run(demo: Path, *arguments: object) -> Child:
    return mgcld_child("run", "--adapter", demo / "adapter.safetensors", "--endpoint", "tcp://127.0.0.1:*", *arguments)


@pytest.fixture
def looping(demo: Path) -> Iterator[Child]:
    """A daemon that hears the soundscape over and over, in real time, twice a second."""
    with run(demo, "--source", f"room={demo}/soundscape.flac?loop=true", "--hop", "0.5", "--quiet") as daemon:
        yield daemon


def heard(child: Child, kind: str) -> dict[str, dict[str, object]]:
    """The next message of a kind."""
    for _ in range(200):
        message: dict[str, dict[str, object]] = json.loads(child.line(timeout=30))
        if message["header"]["schema"] == f"mgcl.{kind}/1":
            return message
    raise AssertionError(f"no {kind} among 200 messages")


def share_right(truth: tuple[Truth, ...], answers: list[dict[str, dict[str, object]]]) -> tuple[float, float]:
    """(share right of windows that hold a class, share unknown of the others)."""
    expected = {round(cell.start_seconds): cell.name for cell in truth}
    right: dict[bool, list[bool]] = {True: [], False: []}
    for answer in answers:
        header, body = answer["header"], answer["body"]
        name = expected[round(int(str(header["first_sample"])) / int(str(header["sample_rate"])))]
        said = body["top"][0][0]  # type: ignore[index]
        right[name is not None].append(said == (name or "unknown"))
    return sum(right[True]) / len(right[True]), sum(right[False]) / len(right[False])


@pytest.mark.timeout(180)
def test_another_process_hears_the_right_classes_in_real_time(demo: Path) -> None:
    """The whole soundscape (a minute, variations that no shot holds), at the pace of the sound; then it ends."""
    truth = load_truth(demo / "soundscape.json")
    with run(demo, "--source", f"room={demo}/soundscape.flac") as daemon:
        with subscriber(endpoint_of(daemon), "mgcl/v1/prob/room/") as ear:
            answers = [json.loads(ear.line(timeout=60)) for _ in truth]
            status = daemon.wait(60)
        shown = daemon.waiting()
    assert status == 0, daemon.errors
    of_classes, of_others = share_right(truth, answers)
    print(f"right: {of_classes:.0%} of windows with a class, {of_others:.0%} of silence and noise")
    assert of_classes >= 0.9
    assert of_others == 1.0
    assert [answer["header"]["seq"] for answer in answers] == list(range(len(truth)))
    assert all(abs(sum(answer["body"]["p"]) + answer["body"]["unknown"] - 1) < 1e-4 for answer in answers)
    starts = [answer["header"]["t_start_ns"] for answer in answers]
    assert {later - earlier for earlier, later in itertools.pairwise(starts)} == {5_000_000_000}
    assert sum("unknown" in line for line in shown) >= len(truth)  # the live view, as lines


def test_a_late_subscriber_gets_meta_and_health_at_once(looping: Child, demo: Path) -> None:
    endpoint = endpoint_of(looping)
    with subscriber(endpoint, "mgcl/v1/prob/") as first:
        heard(first, "prob")
        with subscriber(endpoint, "mgcl/v1/meta/", "mgcl/v1/health/") as late:
            kinds = {json.loads(late.line())["header"]["schema"] for _ in range(3)}
            assert kinds == {"mgcl.meta/1", "mgcl.health/1"}
        with subscriber(endpoint, "mgcl/v1/meta/") as third:
            meta = heard(third, "meta")["body"]
    assert meta["classes"] == sorted(meta["classes"])  # type: ignore[type-var]
    assert meta["encoder"] == "mini"
    assert meta["thresholds"] == list(load_adapter(demo / "adapter.safetensors").thresholds)
    assert meta["window_seconds"] == 5.0
    assert meta["hop_seconds"] == 0.5


def test_a_killed_subscriber_changes_nothing_for_the_others(looping: Child) -> None:
    endpoint = endpoint_of(looping)
    with subscriber(endpoint, "mgcl/v1/prob/") as stays, subscriber(endpoint, "mgcl/v1/prob/") as dies:
        heard(dies, "prob")
        before = heard(stays, "prob")["header"]
        os.kill(dies.process.pid, signal.SIGKILL)
        dies.wait()
        after = [heard(stays, "prob")["header"] for _ in range(5)]
    assert [header["seq"] for header in after] == [int(str(before["seq"])) + i for i in range(1, 6)]
    assert all(header["dropped_windows"] == 0 and header["gap_samples"] == 0 for header in after)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_signal_ends_it_politely(looping: Child, number: signal.Signals) -> None:
    with subscriber(endpoint_of(looping), "mgcl/v1/prob/") as ear:
        heard(ear, "prob")
    asked = time.monotonic()
    looping.process.send_signal(number)
    assert looping.wait() == 0
    assert time.monotonic() - asked < 20  # 2 s on a machine that does nothing else
    assert "Traceback" not in looping.errors


@pytest.mark.parametrize("seconds", [0.05, 0.3, 0.7, 1.5, 3.0])
def test_ctrl_c_at_any_moment_of_the_start_is_no_fault(demo: Path, seconds: float) -> None:
    """From the command's first line on; before it, Python itself is still starting."""
    code = AS_IN_A_TERMINAL + "from mgcld.__main__ import main; print('begun'); main()"
    adapter, source = f"{demo}/adapter.safetensors", f"room={demo}/soundscape.flac"
    with Child(code, "run", "--adapter", adapter, "--endpoint", "tcp://127.0.0.1:*", "--source", source) as daemon:
        assert daemon.line() == "begun"
        time.sleep(seconds)
        daemon.process.send_signal(signal.SIGINT)
        assert daemon.wait() == 0
        assert "Traceback" not in daemon.errors


def test_the_service_manager_is_told_of_every_stage(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """READY only after the model is warm and the socket bound, WATCHDOG while it loops, STOPPING at the end."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "1000000")
        with run(demo, "--source", f"room={demo}/soundscape.flac?loop=true", "--quiet") as daemon:
            facts = [manager.recv(4096).decode()]
            while facts[-1] != "READY=1":
                assert facts[-1].startswith("EXTEND_TIMEOUT_USEC=")
                facts.append(manager.recv(4096).decode())
            endpoint_of(daemon)
            while facts.count("WATCHDOG=1") < 3 or not any("1/1 sources live" in fact for fact in facts):
                facts.append(manager.recv(4096).decode())
            daemon.process.send_signal(signal.SIGTERM)
            while facts[-1] != "STOPPING=1":
                facts.append(manager.recv(4096).decode())
            assert daemon.wait() == 0


def test_sources_share_the_loop_and_no_file_loses_a_window(demo: Path) -> None:
    names = ("one", "two", "three")
    with run(demo, *(f"--source={name}={demo}/soundscape.flac?pace=max" for name in names), "--hop", "1") as daemon:
        assert daemon.wait(100) == 0
        lines = [line for line in daemon.waiting() if "dBFS" in line]
    assert [sum(f" {name} " in line for line in lines) for name in names] == [56] * 3  # 60 s, a window each second


def test_what_comes_through_a_pipe_is_heard_to_its_end(demo: Path) -> None:
    daemon = [sys.executable, "-m", "mgcld", "run", "--adapter", demo / "adapter.safetensors", "--source", "pipe=-"]
    with subprocess.Popen(["cat", demo / "soundscape.flac"], stdout=subprocess.PIPE) as cat:
        command = [*map(str, daemon), "--endpoint", "tcp://127.0.0.1:*", "--hop", "1"]
        done = subprocess.run(command, stdin=cat.stdout, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    assert sum("dBFS" in line for line in done.stdout.splitlines()) == 56  # as for the file


def test_a_file_that_is_not_there_is_named_and_the_exit_code_says_so(demo: Path, tmp_path: Path) -> None:
    result = mgcld(
        "run",
        "--adapter",
        demo / "adapter.safetensors",
        "--source",
        f"a={tmp_path}/none.wav",
        "--endpoint",
        "tcp://127.0.0.1:*",
    )
    assert is_polite(result, 66)
    assert "none.wav" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        (("--source", "a=x.wav", "--adapter", "absent.safetensors"), 74, "mgcld train"),
        (("--source", "x.wav"), 78, "name=address"),
        (("--source", "a=x.wav", "--source", "a=y.wav"), 78, "same name"),
        (("--source", "a=x.wav", "--endpoint", "tcp://0.0.0.0:5765"), 69, "0.0.0.0"),
        (("--source", "a=gopher:x"), 78, "gopher"),
        (("--source", "a=x.wav?pace=fast"), 78, "pace"),
        ((), 78, "sources"),
        (("-c", "absent.yaml"), 78, "absent.yaml"),
        (("--source", "a=x.wav", "--hop", "0"), 78, "hop_seconds"),
    ],
)
def test_a_mistake_on_the_command_line_is_explained(
    demo: Path, arguments: tuple[str, ...], exit_code: int, said: str
) -> None:
    adapter = () if "--adapter" in arguments or "-c" in arguments else ("--adapter", demo / "adapter.safetensors")
    result = mgcld("run", *adapter, *arguments)
    assert is_polite(result, exit_code), result.stderr
    assert said in result.stderr


def test_in_a_runtime_directory_it_is_found_by_path_too(demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short path: a socket's may have 107 characters."""
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setenv("RUNTIME_DIRECTORY", folder)
        with run(demo, "--source", f"room={demo}/soundscape.flac?loop=true", "--quiet", "--hop", "1") as daemon:
            endpoint_of(daemon)
            path = Path(folder) / "mgcld.ipc"
            assert stat.S_IMODE(path.stat().st_mode) == 0o660
            with subscriber(f"ipc://{path}", "mgcl/v1/prob/") as ear:
                heard(ear, "prob")
            daemon.process.send_signal(signal.SIGTERM)
            assert daemon.wait() == 0
        assert not path.exists()


def test_a_password_in_a_mistaken_source_is_not_repeated(demo: Path) -> None:
    for source in ("rtsp://admin:s3cret@cam/1", "rtsp://admin:s3cret@cam/user=admin"):
        result = mgcld("run", "--adapter", demo / "adapter.safetensors", "--source", source)
        assert is_polite(result, 78)
        assert "s3cret" not in result.stderr + result.stdout


def test_a_taken_address_is_explained(demo: Path, looping: Child) -> None:
    endpoint = endpoint_of(looping)
    source = f"a={demo}/soundscape.flac"
    result = mgcld("run", "--adapter", demo / "adapter.safetensors", "--endpoint", endpoint, "--source", source)
    assert is_polite(result, 69), result.stderr
