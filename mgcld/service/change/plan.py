"""What is to serve from now on: made ready and tried out beside the loop, before anything is changed."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mgcld.config import Config
from mgcld.errors import ConfigError, ModelError
from mgcld.service.change.changes import Changes, changes
from mgcld.service.engine import Engine
from mgcld.service.served import Served, Workshop

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """Another configuration, and the model that serves by it."""

    config: Config
    """As it will hold: what needs a restart is as before."""
    found: Changes
    served: Served
    told: Mapping[str, Any]
    """For whoever asked: `changed` and `restart_needed`."""

    @property
    def summary(self) -> str:
        """The same in one line."""
        changed = ", ".join(self.told["changed"]) or "nothing has changed"
        needed = ", ".join(self.told["restart_needed"])
        return f"{changed}; a restart is needed for {needed}" if needed else changed


def plan_reload(workshop: Workshop, engine: Engine, before: Config) -> Plan:
    """The configuration as it stands now, in the place of the one before.

    Raises:
        MgcldError: it cannot be used, or what it asks for cannot be made.
    """
    config = workshop.config()
    found = changes(before, config)
    config = config.model_copy(update={field: getattr(before, field) for field in found.restart_needed})
    workshop.check_sources(config, [name for name in found.sources if name in config.sources])
    served, serves = _tried(workshop, engine, config), engine.served
    same = served.meta.adapter == serves.meta.adapter
    if same and not found.model:
        served = replace(serves, meta=served.meta)
    strange = workshop.strange_rules(config, served)
    if strange:
        raise ConfigError("\n".join(strange), help=f"classes: {', '.join(map(repr, served.meta.classes))}")
    workshop.rules(config, served)
    another = [] if same or "adapter" in found.named else ["adapter"]
    return Plan(config, found, served, {"changed": [*found.named, *another], "restart_needed": found.restart_needed})


def plan_swap(workshop: Workshop, engine: Engine, config: Config, path: Path | None) -> Served:
    """Another adapter, by the configuration that holds; None is the configuration's.

    Raises:
        MgcldError: it cannot be read, does not fit, or does not judge.
    """
    served = _tried(workshop, engine, config, path)
    workshop.rules(config, served)
    for line in workshop.strange_rules(config, served):
        logger.warning("adapter: %s; the rule waits for one that does", line)
    return served


def _tried(workshop: Workshop, engine: Engine, config: Config, path: Path | None = None) -> Served:
    """A model that has judged something, and fits the windows that are cut."""
    served = workshop.served(config, path)
    lengths = served.meta.window_seconds, engine.served.meta.window_seconds
    if lengths[0] != lengths[1]:
        help = "restart mgcld to use it"
        raise ModelError(f"{served.path}: its windows last {lengths[0]:g} s, not {lengths[1]:g} s", help=help)
    try:
        engine.try_out(served)
    except Exception as error:
        logger.exception("adapter: it does not judge")
        help = "see the log; train it again"
        raise ModelError(f"{served.path}: it does not judge: {type(error).__name__}", help=help) from error
    return served
