"""Where messages go out, and where sound waits on disk."""

import logging
import os
from collections.abc import Collection
from pathlib import Path

from mgcld.audio.spool import Spool
from mgcld.config import Config, SpoolConfig
from mgcld.errors import ConfigError
from mgcld.service.bus.address import bindable
from mgcld.service.bus.keys import CurveKeys
from mgcld.service.bus.publisher import Publisher
from mgcld.service.check import SpoolPlan

logger = logging.getLogger(__name__)


def build_publisher(config: Config) -> Publisher:
    """The bus, not bound yet; what is wrong with its address or its keys is raised now."""
    wish = config.publish
    curve = None if wish.curve is None else CurveKeys.load(wish.curve.key_file, wish.curve.clients)
    bindable(wish.endpoint, insecure=wish.insecure, encrypted=curve is not None)
    return Publisher(wish.endpoint, insecure=wish.insecure, beside=_beside(), curve=curve)


def build_spool(wish: SpoolConfig, source: str) -> Spool:
    """Where a live source's audio waits."""
    return Spool(_spool_folder(wish) / source, max_bytes=round(wish.max_megabytes * 1e6))


def warn_of_left_spools(wish: SpoolConfig, sources: Collection[str]) -> None:
    """Name the sources that are none any more and have left sound."""
    folder = _spool_folder(wish)
    for left in sorted({path.parent.name for path in folder.glob("*/*.segment")} - {*sources}):
        text = "%s: it is no live source any more, but its sound is still there: delete %s"
        logger.warning(text, left, folder / left)


def _spool_folder(wish: SpoolConfig) -> Path:
    state = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if wish.folder is None and not state:
        raise ConfigError("spool: no folder", help="write spool.folder; a service has one by its StateDirectory")
    return wish.folder or Path(state) / "spool"


def spool_plan(config: Config) -> SpoolPlan | None:
    """Where sound would wait, if it shall."""
    if config.spool is None:
        return None
    return SpoolPlan(_spool_folder(config.spool), round(config.spool.max_megabytes * 1e6) * len(config.sources))


def _beside() -> str | None:
    """In the runtime directory that a service manager made, programs of this machine find the daemon too."""
    folder = os.environ.get("RUNTIME_DIRECTORY")
    return f"ipc://{folder}/mgcld.ipc" if folder else None
