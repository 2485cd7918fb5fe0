"""The README's subscribers in other languages hear a real publisher in another process."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from bus_messages import PUBLISHING
from children import Child

HERE = Path(__file__).parent
PACKAGE = "zeromq@6.8.0"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mgcld-tests" / PACKAGE
NPM = ("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=1", "--fetch-timeout=20000")
BECOME = "import os, sys; os.execvp(sys.argv[1], sys.argv[1:])"


@pytest.fixture
def publisher() -> Child:
    return Child(PUBLISHING, "tcp://127.0.0.1:*", str(HERE.parent))


@pytest.fixture
def node_modules() -> Path:
    """Where npm has put the package, once; without network we are skipped, unless nothing may be."""
    whole = CACHE / "whole"
    if not whole.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        done = subprocess.run([*NPM, "--prefix", str(CACHE), PACKAGE], capture_output=True, text=True, timeout=200)
        if done.returncode != 0 and os.environ.get("MGCLD_REQUIRE_ALL") != "1":
            pytest.skip(f"npm cannot install {PACKAGE}: {done.stderr[-200:]}")
        assert done.returncode == 0, done.stderr
        whole.touch()
    return CACHE / "node_modules"


@pytest.mark.system("node")
def test_node_hears_what_is_published(publisher: Child, node_modules: Path, tmp_path: Path) -> None:
    """Node looks for packages beside the file, or above it."""
    (tmp_path / "node_modules").symlink_to(node_modules)
    shutil.copy(HERE / "subscribe.mjs", tmp_path)
    with publisher:
        endpoint = publisher.line().split()[0]
        with Child(BECOME, "node", str(tmp_path / "subscribe.mjs"), endpoint) as node:
            assert [node.line() for _ in range(3)] == ["mic1: siren 0.75"] * 3
