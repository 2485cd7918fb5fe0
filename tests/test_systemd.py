"""The systemd unit: systemd understands it, and it says what the daemon relies on."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mgcld.errors import CheckpointError, ConfigError, EncoderMismatch

UNIT = Path(__file__).parents[1] / "systemd" / "mgcld.service"
INSTALLED = "/opt/mgcld/bin/mgcld"
UNMENDABLE = (EncoderMismatch, CheckpointError, ConfigError)


def section(name: str) -> dict[str, str]:
    """Key -> value of one section; no key of ours stands twice."""
    text = UNIT.read_text(encoding="utf-8").split(f"[{name}]\n", 1)[1].split("\n[", 1)[0]
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    values = dict(line.split("=", 1) for line in lines)
    assert len(values) == len(lines)
    return values


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Type", "notify"),
        ("WatchdogSec", "30"),
        ("Restart", "on-failure"),
        (
            "RestartPreventExitStatus",
            f"{EncoderMismatch.exit_code} {CheckpointError.exit_code} {ConfigError.exit_code}",
        ),
        ("DynamicUser", "yes"),
        ("SupplementaryGroups", "audio"),
        ("StateDirectory", "mgcld"),
        ("RuntimeDirectory", "mgcld"),
        ("CacheDirectory", "mgcld"),
    ],
)
def test_the_unit_says_what_the_daemon_relies_on(key: str, value: str) -> None:
    assert section("Service")[key] == value


def test_the_unit_does_not_forbid_what_torch_and_sound_cards_need() -> None:
    forbidden = {"MemoryDenyWriteExecute", "PrivateDevices", "ProtectClock", "PrivateNetwork", "PrivateUsers"}
    assert forbidden.isdisjoint(section("Service"))


def test_the_unit_starts_a_command_that_exists_with_options_that_it_takes() -> None:
    program, command, *options = section("Service")["ExecStart"].split()
    assert (program, options[-2:]) == (INSTALLED, ["-c", "/etc/mgcld/config.yaml"])
    asked = [sys.executable, "-m", "mgcld", command, *options[:-1], "/absent/config.yaml"]
    ended = subprocess.run(asked, capture_output=True, text=True, timeout=60)
    assert ended.returncode == ConfigError.exit_code, "it must get as far as reading the file"
    assert "/absent/config.yaml" in ended.stderr


@pytest.mark.system("systemd")
def test_systemd_finds_no_fault_in_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "mgcld.service"
    unit.write_text(UNIT.read_text(encoding="utf-8").replace(INSTALLED, shutil.which("true") or "/bin/true"))
    verified = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=60)
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")


@pytest.mark.system("systemd")
def test_systemd_would_find_a_fault(tmp_path: Path) -> None:
    unit = tmp_path / "mgcld.service"
    unit.write_text(UNIT.read_text(encoding="utf-8").replace("WatchdogSec", "WatchdogSeconds"))
    verified = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=60)
    assert "WatchdogSeconds" in verified.stderr
