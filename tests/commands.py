"""`mgcld` as a process, as its users run it."""

import subprocess
import sys
from pathlib import Path

from children import Child
from typer.testing import CliRunner

from mgcld.cli import app
from mgcld.errors import MgcldError

AS_IN_A_TERMINAL = "import signal as s; s.signal(s.SIGINT, s.default_int_handler); s.signal(s.SIGHUP, s.SIG_DFL); "
"""Tests that run in the background, or under nohup, would hand on that these signals are ignored."""
MAIN = AS_IN_A_TERMINAL + "from mgcld.__main__ import main; main()"


def mgcld(*arguments: object, folder: Path | None = None, timeout: float = 110) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "mgcld", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=folder,
        check=False,
    )


def mgcld_child(*arguments: object) -> Child:
    """Start a command that goes on."""
    return Child(MAIN, *map(str, arguments))


def refused(*arguments: object) -> tuple[int, str]:
    """(exit code, message) of a command that is refused, in this process: a start costs seconds, and `is_polite` one.

    Not of `run`, which takes over the signals.
    """
    error = CliRunner().invoke(app, [*map(str, arguments)]).exception
    assert isinstance(error, MgcldError), error
    assert error.help
    return error.exit_code, str(error)


def is_polite(result: subprocess.CompletedProcess[str], exit_code: int) -> bool:
    """An error that a person can read: no traceback, a help line, the right exit code."""
    told = "error:" in result.stderr and "help:" in result.stderr and "Traceback" not in result.stderr
    return told and result.returncode == exit_code
