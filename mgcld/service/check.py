"""`mgcld check`: everything that `mgcld run` would use is tried once, and let go of."""

import contextlib
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mgcld.audio.probe import Heard, probe
from mgcld.audio.troubles import SILENT
from mgcld.errors import ConfigError, InUse, PublishError, SourceError
from mgcld.interfaces import Openable, Sink
from mgcld.service.bus.publisher import Publisher
from mgcld.service.findings import Finding, Step, together
from mgcld.service.http.binding import bound, http_address
from mgcld.service.model_check import ModelPlan, model_findings

SOURCES_SECONDS, SOURCE_SECONDS = 15.0, 0.5
"""All sources together: 8 s for an opening, 3 s of listening, the end of a process that hangs, and to start each."""
SOURCES_FAREWELL_SECONDS = 8.0
"""A capture process that does not end politely, or is held by the kernel, takes most of it."""
PARTS_SECONDS = 15.0
"""All sinks together, and the socket."""
OLD_SECONDS = 10.0
"""Sound that is older, or younger than now by as much, has a wrong clock."""
CLIPPED = "it is distorted: turn its gain down"
HELD = "a running mgcld may hold it: some devices serve one listener only"
HELD_REASONS = frozenset({"refused", "timeout", "ended"})


@dataclass(frozen=True, slots=True)
class SpoolPlan:
    """Where sound would wait on disk."""

    folder: Path
    most_bytes: int
    """For all sources together."""


@dataclass(frozen=True, slots=True)
class HttpPlan:
    """Where health and metrics would be told."""

    address: str
    insecure: bool


@dataclass(frozen=True, slots=True)
class Checkup:
    """What there is to be tried."""

    sources: Mapping[str, Callable[[], Openable]]
    stall_seconds: float
    model: ModelPlan
    build_publisher: Callable[[], Publisher]
    publishes_on: Callable[[str], str | None]
    """Who publishes on an address already, in words; None if no mgcld does."""
    sinks: Mapping[str, Callable[[], Sink]]
    http: HttpPlan | None = None
    """Where health would be told, if it shall."""
    spool: Callable[[], SpoolPlan | None] = lambda: None
    """Where sound would wait on disk, if it shall."""

    def findings(self) -> Generator[Finding, None, None]:
        """What is found, as it is found. Close the iterator to end early; nothing stays behind."""
        running = False
        with contextlib.closing(together(self._outlets(), PARTS_SECONDS)) as outlets:
            for finding in outlets:
                running = running or (finding.kind == "publish" and finding.state == "warning")
                yield finding
        seconds = SOURCES_SECONDS + SOURCE_SECONDS * len(self.sources)
        with contextlib.closing(together(self._inlets(running), seconds, SOURCES_FAREWELL_SECONDS)) as inlets:
            yield from inlets
        with contextlib.closing(together([Step("adapter", "", self._model)])) as model:
            yield from model

    def _outlets(self) -> list[Step]:
        sinks = [Step("sink", name, self._sink(name)) for name in self.sinks]
        http = [Step("http", "", self._http(self.http))] if self.http is not None else []
        return [Step("publish", "", self._publish), *http, *sinks, Step("spool", "", self._spool)]

    def _inlets(self, running: bool) -> list[Step]:
        return [Step("source", name, self._source(name, running)) for name in self.sources]

    def _source(self, name: str, running: bool) -> Callable[[threading.Event], Iterator[Finding]]:
        def listen(stop: threading.Event) -> Iterator[Finding]:
            source = self.sources[name]()
            yield source_finding(name, probe(source, stop=stop, stall_seconds=self.stall_seconds), source.live, running)

        return listen

    def _sink(self, name: str) -> Callable[[threading.Event], Iterator[Finding]]:
        def build(_: threading.Event) -> Iterator[Finding]:
            try:
                self.sinks[name]().close()
            except InUse as error:
                if self.publishes_on(self.build_publisher().endpoint) is None:
                    raise
                yield Finding("sink", name, warnings=(f"{error}: a running mgcld",))
                return
            yield Finding("sink", name)

        return build

    def _publish(self, _: threading.Event) -> Iterator[Finding]:
        publisher = self.build_publisher()
        try:
            publisher.start()
        except PublishError as error:
            other = self.publishes_on(publisher.endpoint)
            if other is None:
                raise
            taken = f"{other} publishes there: end it before you start another"
            yield Finding("publish", facts={"endpoint": publisher.endpoint, "taken": str(error)}, warnings=(taken,))
            return
        publisher.close()
        yield Finding("publish", facts={"endpoint": publisher.endpoint})

    def _http(self, plan: HttpPlan) -> Callable[[threading.Event], Iterator[Finding]]:
        def bind(_: threading.Event) -> Iterator[Finding]:
            host, port = http_address(plan.address, insecure=plan.insecure)
            try:
                bound(host, port).close()
            except PublishError as error:
                other = self.publishes_on(self.build_publisher().endpoint)
                if other is None:
                    raise
                taken = f"{other} may answer there: end it before you start another"
                yield Finding("http", facts={"address": plan.address, "taken": str(error)}, warnings=(taken,))
                return
            yield Finding("http", facts={"address": plan.address})

        return bind

    def _spool(self, _: threading.Event) -> Iterator[Finding]:
        plan = self.spool()
        if plan is not None:
            yield spool_finding(plan)

    def _model(self, _: threading.Event) -> Iterator[Finding]:
        yield from model_findings(self.model)


def source_finding(name: str, heard: Heard, live: bool, running: bool = False) -> Finding:
    """What a source has let us hear, as a finding."""
    facts = {
        **heard.facts,
        "live": live,
        "sample_rate": heard.sample_rate or heard.facts.get("sample_rate"),
        "first_sound_seconds": _rounded(heard.first_seconds, 3),
        "sound_seconds": round(heard.sound_seconds, 2),
        "gaps": heard.gaps,
        "level_dbfs": _rounded(heard.level_dbfs, 2),
        "peak_dbfs": _rounded(heard.peak_dbfs, 2),
        "flags": sorted(heard.flags),
        "clock": heard.clock,
        "clock_uncertainty_ns": heard.clock_uncertainty_ns,
        "age_seconds": _rounded(heard.age_seconds, 3),
    }
    error = heard.error
    if error is not None and running and error.reason in HELD_REASONS:
        help = f"{error.help}; {HELD}" if error.help else HELD
        error = SourceError(str(error), reason=error.reason, help=help)
    return Finding("source", name, facts, error, tuple(_doubts(heard, live)) if error is None else ())


def _doubts(heard: Heard, live: bool) -> Iterator[str]:
    if live and "silent" in heard.flags:
        yield SILENT
    if "clipped" in heard.flags:
        yield CLIPPED
    if heard.gaps:
        yield f"{heard.gaps} gaps in {heard.sound_seconds:.0f} s of sound: check the network, or take transport tcp"
    offset = heard.facts.get("sender_clock_offset_seconds")
    age = heard.age_seconds if not isinstance(offset, int | float) else -float(offset)
    if age is not None and abs(age) > OLD_SECONDS:
        way = "behind" if age > 0 else "ahead of"
        yield f"its clock is {abs(age):.0f} s {way} ours: set both by NTP"


def spool_finding(plan: SpoolPlan) -> Finding:
    """Whether the folder can be made and written, and what it may hold; nothing of it stays."""
    try:
        free = _free_where_it_can_write(plan.folder)
    except OSError as error:
        help = "name another folder as spool.folder"
        raise ConfigError(f"cannot spool in {plan.folder}: {error.strerror}", help=help) from error
    facts = {"folder": str(plan.folder), "most_bytes": plan.most_bytes, "free_bytes": free}
    full = f"{plan.most_bytes / 1e6:.0f} MB may be needed and {free / 1e6:.0f} MB are free: make max_megabytes smaller"
    return Finding("spool", facts=facts, warnings=(full,) if free < plan.most_bytes else ())


def _free_where_it_can_write(folder: Path) -> int:
    """Bytes that are free there. Makes the folder and a file in it, and removes both."""
    new = [path for path in (folder, *folder.absolute().parents) if not os.path.lexists(path)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return shutil.disk_usage(folder).free
    finally:
        for path in new:
            with contextlib.suppress(OSError):
                path.rmdir()


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
