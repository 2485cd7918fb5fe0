"""One daemon with everything that others use: control, HTTP, sinks; asked by other processes, as its users ask."""

import json
import re
import shutil
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile
import yaml
from children import Child
from commands import is_polite, mgcld, mgcld_child
from prometheus_client.parser import text_string_to_metric_families

SECONDS = 60.0


class Served:
    """The daemon, its folder and where it answers."""

    def __init__(self, folder: Path, daemon: Child) -> None:
        self.folder, self.daemon = folder, daemon
        self.control = f"ipc://{folder}/control"

    def ctl(self, *arguments: object) -> Any:
        done = mgcld("ctl", *arguments, "--json", "--at", self.control)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def get(self, page: str) -> str:
        found = re.search(r"answers on (http://\S+)", self.daemon.errors)
        assert found, self.daemon.errors
        with urllib.request.urlopen(found[1] + page, timeout=20) as answer:
            return str(answer.read().decode())

    def metric(self, name: str, **labels: str) -> float:
        """Sum of the samples of a metric that bear these labels."""
        families = text_string_to_metric_families(self.get("/metrics"))
        samples = [sample for family in families for sample in family.samples if sample.name == name]
        return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())


def options(demo: Path, folder: Path, **more: Any) -> str:
    written = {
        "adapter": "adapter.safetensors",
        "hop_seconds": 1.0,
        "publish": {"endpoint": "tcp://127.0.0.1:*"},
        "control": {"endpoint": f"ipc://{folder}/control"},
        "http": {"address": "127.0.0.1:0"},
        "sources": {"room": f"{demo}/support/siren/2.flac?loop=true", "yard": "rtsp://user:planted@127.0.0.1:1/x"},
        "sinks": {
            "log": {"type": "jsonl", "path": "events.jsonl"},
            "clips": {"type": "clips", "folder": "clips", "post_seconds": 0.0},
        },
    }
    return yaml.safe_dump(written | more)


@pytest.fixture(scope="module")
def served(demo: Path) -> Iterator[Served]:
    """In a folder with a short name: a socket's path may have 107 characters."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "clips").mkdir()
        shutil.copy(demo / "adapter.safetensors", folder)
        (folder / "mgcld.yaml").write_text(options(demo, folder))
        with mgcld_child("run", "-c", folder / "mgcld.yaml", "--quiet") as daemon:
            deadline = time.monotonic() + SECONDS
            while "mgcld: ready" not in daemon.errors:
                assert time.monotonic() < deadline, daemon.errors
                assert daemon.process.poll() is None, daemon.errors
                time.sleep(0.05)
            yield Served(folder, daemon)


def until(condition: Any) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.3)


def test_status_says_what_is_heard_and_what_is_wrong(served: Served) -> None:
    until(lambda: served.ctl("status")["events"])
    status = served.ctl("status")
    assert status["ready"]
    assert [event["class"] for event in status["events"]] == ["siren"]
    sources = served.ctl("sources")["sources"]
    assert sources["room"]["state"] == "live"
    assert sources["yard"]["reason"] == "refused"
    assert "planted" not in json.dumps(served.ctl("snapshot"))


def test_pages_and_metrics_tell_the_same_as_the_bus(served: Served) -> None:
    assert json.loads(served.get("/readyz")) == {"ready": True}
    served.get("/healthz")
    until(lambda: served.metric("mgcld_events_total", source="room", **{"class": "siren"}) >= 1)
    until(lambda: served.metric("mgcld_source_restarts_total", source="yard", reason="refused") >= 1)
    assert served.metric("mgcld_source_state", source="room", state="live") == 1
    assert served.metric("mgcld_windows_total", source="room") > 0
    assert served.metric("mgcld_stage_duration_seconds_count", stage="encode") > 0
    assert served.metric("mgcld_published_messages_total", kind="prob") > 0
    assert "planted" not in served.get("/metrics") + served.get("/api/status")


def test_a_paused_source_ends_its_event_and_its_sound_is_kept(served: Served) -> None:
    until(lambda: served.ctl("status")["events"])
    time.sleep(3)
    assert served.ctl("pause", "room")["state"] == "paused"
    until(lambda: not served.ctl("status")["events"])
    assert served.ctl("sources")["sources"]["room"]["state"] == "paused"
    until(lambda: list((served.folder / "clips").rglob("*.flac")))
    bodies = [json.loads(line)["body"] for line in (served.folder / "events.jsonl").read_text().splitlines()]
    ended = [body for body in bodies if body["phase"] == "end"]
    assert ended[-1]["reason"] == "paused"
    clip = next((served.folder / "clips").rglob(f"*{ended[-1]['id']}*.flac"))
    assert soundfile.info(clip).duration >= (ended[-1]["t_off_ns"] - ended[-1]["t_on_ns"]) / 1e9 - 0.01
    served.ctl("resume", "room")
    until(lambda: served.ctl("sources")["sources"]["room"]["state"] == "live")


def test_a_sink_is_exchanged_while_the_others_go_on(served: Served, demo: Path) -> None:
    sinks = {"log": {"type": "jsonl", "path": "other.jsonl", "kinds": ["prob"]}}
    (served.folder / "mgcld.yaml").write_text(options(demo, served.folder, sinks=sinks))
    assert served.ctl("reload") == {"changed": ["sinks.clips", "sinks.log"], "restart_needed": []}
    until(lambda: (served.folder / "other.jsonl").exists())
    assert list(served.ctl("snapshot")["sinks"]) == ["http metrics", "log"]


def test_orders_that_cannot_be_carried_out_have_the_exit_code_of_their_reason(served: Served) -> None:
    for order, code, said in [
        (("pause", "cellar"), 78, "no source is called 'cellar'"),
        (("swap", served.folder / "none.safetensors"), 74, "there is no adapter at"),
    ]:
        refused = mgcld("ctl", *order, "--at", served.control)
        assert is_polite(refused, code), refused.stderr
        assert said in refused.stderr


def test_nobody_who_asks_in_vain_waits_long(tmp_path: Path) -> None:
    began = time.monotonic()
    refused = mgcld("ctl", "status", "--at", f"ipc://{tmp_path}/nothing")
    assert is_polite(refused, 71), refused.stderr
    assert time.monotonic() - began < 30


def test_check_beside_it_warns_and_refuses_nothing(served: Served, demo: Path) -> None:
    """`mgcld check -c ... && systemctl restart mgcld` must go on where the running daemon holds a sink."""
    endpoint = served.ctl("snapshot")["bus"]["endpoint"]
    beside = served.folder / "beside.yaml"
    sinks = {"log": {"type": "jsonl", "path": "other.jsonl", "kinds": ["prob"]}}
    sources = {"room": f"{demo}/soundscape.flac"}
    beside.write_text(
        options(demo, served.folder, sinks=sinks, sources=sources, publish={"endpoint": endpoint}, http=None)
    )
    checked = mgcld("check", "-c", beside)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "another process writes to" in checked.stdout
