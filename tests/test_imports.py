"""Imports: every module comes in, and what must be small and quick to start does not bring torch."""

import importlib
import pkgutil
import subprocess
import sys

import mgcld_plugins
import pytest

import mgcld

MODULES = sorted(
    found.name
    for package in (mgcld, mgcld_plugins)
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
)
LIGHT_PACKAGES = ("mgcld.audio", "mgcld.cli", "mgcld.client", "mgcld.demo", "mgcld_plugins.sources")
LIGHT = [
    *("mgcld", "mgcld.config", "mgcld.data", "mgcld.errors", "mgcld.interfaces", "mgcld.registry"),
    *(name for name in MODULES if name.startswith(LIGHT_PACKAGES)),
]

NAME_WHAT_BRINGS_TORCH = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
    if "torch" in sys.modules:
        sys.exit(f"{name} imports torch")
"""


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports(name: str) -> None:
    importlib.import_module(name)


def test_what_a_client_a_source_and_the_command_line_import_does_not_bring_torch() -> None:
    command = [sys.executable, "-c", NAME_WHAT_BRINGS_TORCH, *LIGHT]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")
