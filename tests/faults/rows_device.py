"""A microphone that is unplugged, and plugged in again."""

import importlib.util
import os
import sys
import time
from pathlib import Path
from types import ModuleType

from expected import pure_tone
from playbill import row
from stage import Result, Stage

from mgcld.registry import target

MICROPHONE = target("source", "microphone")
SOURCES = Path(__file__).parents[1] / "plugins" / "sources"
RETURN_PROMISE = 5.0
AWAY_SECONDS = 8.0


def servers() -> ModuleType:
    """The sound server of the microphone's own tests."""
    sys.path.append(str(SOURCES))
    spec = importlib.util.spec_from_file_location("sound_server", SOURCES / "conftest.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@row(40, "portaudio", "pulseaudio")
def device_vanishes(folder: Path) -> Result:
    """Microphone is unplugged for 8 s."""
    server = servers().PulseAudio(folder)
    os.environ.update(server.environment)
    server.start()
    try:
        plugged = server.whistle("kitchen", 1000)
        server.whistle("hall", 3000)  # it must never be heard instead
        with Stage(folder, MICROPHONE, {"device": "kitchen"}, pure_tone(1000)) as stage:
            stage.steady()
            stage.breaks()
            server.unload(plugged)
            stage.detects("absent", "ended", "timeout", within=5)
            stage.names("absent", 10)
            assert stage.difficult.status.state == "absent"
            time.sleep(max(0.0, AWAY_SECONDS - stage.age))
            server.whistle("kitchen", 1000)
            stage.mends()
            stage.recovers(RETURN_PROMISE)
            stage.ends_well()
            return stage.result
    finally:
        server.kill()
