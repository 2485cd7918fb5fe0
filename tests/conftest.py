"""What all tests share: which system packages are here, and how to run `mgcld` as a process."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from commands import mgcld

from mgcld.config import Part

if TYPE_CHECKING:
    from mgcld.model.listen import Listener

REQUIRE_ALL = os.environ.get("MGCLD_REQUIRE_ALL") == "1"
FIRST = ("faults", "end_to_end", "evaluation")
"""The folders whose files take longest: where several processes share the files, the last to end has a short one.

A process is handed its next file when two tests of its own are left. A test of minutes therefore stands first in a file
that has at least two more, or else that next file waits behind it.
"""

os.environ.setdefault("OMP_NUM_THREADS", "1")
"""For us and the programs that we start: the networks of tests are small, and a second thread mostly spins."""


def _runs(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=30).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _has_mosquitto() -> bool:
    return shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin") is not None


def _has_nss_wrapper() -> bool:
    return _runs(sys.executable, "-c", "import ctypes; ctypes.CDLL('libnss_wrapper.so')")


def _has_node() -> bool:
    return _runs("node", "--version") and _runs("npm", "--version")


def _has_openssl() -> bool:
    return _runs("openssl", "version")


def _has_portaudio() -> bool:
    return _runs(sys.executable, "-c", "import sounddevice")


def _has_pulseaudio() -> bool:
    return _runs("pulseaudio", "--version") and Path("/usr/share/alsa/alsa.conf.d").exists()


def _has_rtsp_server() -> bool:
    script = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    return _runs("/usr/bin/python3", "-c", script)


def _has_systemd() -> bool:
    return _runs("systemd-analyze", "--version")


SYSTEM: dict[str, Callable[[], bool]] = {
    "mosquitto": _has_mosquitto,
    "node": _has_node,
    "nss-wrapper": _has_nss_wrapper,
    "openssl": _has_openssl,
    "portaudio": _has_portaudio,
    "pulseaudio": _has_pulseaudio,
    "rtsp-server": _has_rtsp_server,
    "systemd": _has_systemd,
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, if there are several of us; and what needs an absent system package is skipped."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=_rank)
    _skip_what_is_absent(items)


def _rank(item: pytest.Item) -> int:
    folder = item.path.relative_to(Path(__file__).parent).parts[0]
    return FIRST.index(folder) if folder in FIRST else len(FIRST)


def _skip_what_is_absent(items: list[pytest.Item]) -> None:
    """By name; with MGCLD_REQUIRE_ALL=1 it runs and fails."""
    here: dict[str, bool] = {}
    for item in items:
        for mark in item.iter_markers("system"):
            name = mark.args[0]
            if name not in here:
                here[name] = SYSTEM[name]()
            if not here[name] and not REQUIRE_ALL:
                item.add_marker(pytest.mark.skip(reason=f"needs the system package {name}: run `make test` as root"))


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's folder: support, soundscape, truth, and the adapter that `mgcld train` made of it as a process."""
    folder = tmp_path_factory.mktemp("demo")
    for command in (("demo", folder), ("train", "--shots", folder / "support", "-o", folder / "adapter.safetensors")):
        result = mgcld(*command)
        assert result.returncode == 0, result.stderr
    return folder


@pytest.fixture(scope="session")
def listener() -> "Listener":
    """The embedded encoder with its captioner."""
    from mgcld.assemble.parts import build_encoder, listener_of

    return listener_of(build_encoder(Part(type="mini", device="cpu")), Part(type="tags"))
