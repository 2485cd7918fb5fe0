"""The systemd unit and its drop-ins: systemd understands them, they shut the service in, and fit the daemon."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mgcld.errors import CheckpointError, ConfigError, EncoderMismatch

FOLDER = Path(__file__).parents[1] / "systemd"
UNIT = FOLDER / "mgcld.service"
INSTALLED = "/opt/mgcld/bin/mgcld"
EXPOSURE = {(): 20, ("recent.conf",): 20, ("gpu.conf",): 30, ("recent.conf", "gpu.conf"): 30}
"""Drop-ins -> tenths of what `systemd-analyze security` may find, of a hundred."""
TOO_NEW = ("notify-reload", "RestartSteps", "RestartMaxDelaySec")
"""What systemd 252 warns of, and ignores."""


def section(name: str, path: Path = UNIT) -> dict[str, list[str]]:
    """Key -> its values of one section, in order."""
    text = path.read_text(encoding="utf-8").split(f"[{name}]\n", 1)[1].split("\n[", 1)[0]
    values: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            key, _, value = line.partition("=")
            values.setdefault(key, []).append(value)
    return values


def composed(folder: Path, *drop_ins: str) -> Path:
    """The unit as it is installed with those drop-ins; its program is one that is here."""
    unit = folder / "mgcld.service"
    unit.write_text(UNIT.read_text(encoding="utf-8").replace(INSTALLED, shutil.which("true") or "/bin/true"))
    (folder / "mgcld.service.d").mkdir()
    for name in drop_ins:
        shutil.copy(FOLDER / name, folder / "mgcld.service.d")
    return unit


def analyzed(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", "--no-pager", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def exposed(unit: Path, threshold: int) -> subprocess.CompletedProcess[str]:
    return analyzed("security", "--offline=yes", f"--threshold={threshold}", unit)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Type", "notify"),
        ("ExecReload", "/bin/kill -HUP $MAINPID"),
        ("WatchdogSec", "30"),
        ("Restart", "on-failure"),
        (
            "RestartPreventExitStatus",
            f"2 {EncoderMismatch.exit_code} {CheckpointError.exit_code} {ConfigError.exit_code}",
        ),
        ("DynamicUser", "yes"),
        ("SupplementaryGroups", "audio"),
        ("StateDirectory", "mgcld"),
        ("StateDirectoryMode", "0700"),
        ("RuntimeDirectory", "mgcld"),
        ("CacheDirectory", "mgcld"),
        ("LoadCredential", "secret:/etc/mgcld/secrets"),
    ],
)
def test_the_unit_says_what_the_daemon_relies_on(key: str, value: str) -> None:
    assert section("Service")[key] == [value]


def test_no_key_but_a_list_stands_twice() -> None:
    twice = {key for key, values in section("Service").items() if len(values) > 1}
    assert twice <= {"Environment", "SystemCallFilter"}


def test_the_unit_does_not_forbid_what_was_seen_to_break() -> None:
    """The unit itself says what each of them breaks."""
    forbidden = {"MemoryDenyWriteExecute", "ProcSubset", "PrivateDevices", "PrivateIPC", "ConfigurationDirectory"}
    assert forbidden.isdisjoint(section("Service"))
    assert {
        name for name in forbidden if re.search(rf"^#   {name}\b", UNIT.read_text(encoding="utf-8"), re.M)
    } == forbidden


def test_libzmq_may_set_how_its_threads_are_scheduled() -> None:
    """It ends the process where it may not; the list forbids first and allows then."""
    assert section("Service")["SystemCallFilter"] == [
        "@system-service",
        "~@privileged @resources",
        "sched_setscheduler",
    ]


def test_a_daemon_that_hangs_tells_where_when_the_watchdog_ends_it() -> None:
    assert "PYTHONFAULTHANDLER=1" in section("Service")["Environment"]


def test_the_unit_starts_a_command_that_exists_with_options_that_it_takes() -> None:
    program, command, *options = section("Service")["ExecStart"][0].split()
    assert (program, options[-2:]) == (INSTALLED, ["-c", "/etc/mgcld/config.yaml"])
    asked = [sys.executable, "-m", "mgcld", command, *options[:-1], "/absent/config.yaml"]
    ended = subprocess.run(asked, capture_output=True, text=True, timeout=60)
    assert ended.returncode == ConfigError.exit_code, "it must get as far as reading the file"
    assert "/absent/config.yaml" in ended.stderr


@pytest.mark.system("systemd")
@pytest.mark.parametrize("drop_ins", [(), ("gpu.conf",)], ids="+".join)
def test_systemd_finds_no_fault_in_the_unit(tmp_path: Path, drop_ins: tuple[str, ...]) -> None:
    verified = analyzed("verify", composed(tmp_path, *drop_ins))
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")


@pytest.mark.system("systemd")
def test_what_is_for_recent_versions_troubles_no_older_one(tmp_path: Path) -> None:
    verified = analyzed("verify", composed(tmp_path, "recent.conf"))
    warnings = verified.stderr.splitlines()
    assert verified.returncode == 0
    assert all("recent.conf" in line and "ignoring" in line for line in warnings), verified.stderr
    assert all(any(name in line for name in TOO_NEW) for line in warnings), verified.stderr
    version = int(re.findall(r"\d+", analyzed("--version").stdout)[0])
    assert len(warnings) == (0 if version >= 254 else len(TOO_NEW) - (version == 253))


@pytest.mark.system("systemd")
def test_systemd_would_find_a_fault(tmp_path: Path) -> None:
    unit = composed(tmp_path)
    unit.write_text(unit.read_text(encoding="utf-8").replace("WatchdogSec", "WatchdogSeconds"))
    assert "WatchdogSeconds" in analyzed("verify", unit).stderr


@pytest.mark.system("systemd")
@pytest.mark.parametrize("drop_ins", EXPOSURE, ids="+".join)
def test_a_daemon_that_is_taken_over_can_do_little(tmp_path: Path, drop_ins: tuple[str, ...]) -> None:
    judged = exposed(composed(tmp_path, *drop_ins), EXPOSURE[drop_ins])
    assert judged.returncode == 0, judged.stdout + judged.stderr
    assert "Overall exposure level" in judged.stdout
    assert ("char-nvidia:rw" in judged.stdout) == ("gpu.conf" in drop_ins), "the drop-in is looked at"


@pytest.mark.system("systemd")
@pytest.mark.parametrize("key", ["CapabilityBoundingSet", "RestrictNamespaces", "SystemCallFilter"])
def test_a_weaker_unit_would_not_pass(tmp_path: Path, key: str) -> None:
    unit = composed(tmp_path)
    kept = [line for line in unit.read_text(encoding="utf-8").splitlines() if not line.startswith(f"{key}=")]
    unit.write_text("\n".join(kept) + "\n")
    judged = exposed(unit, EXPOSURE[()])
    assert judged.returncode != 0, judged.stdout
    assert "Overall exposure level" in judged.stdout
