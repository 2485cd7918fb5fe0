"""The parts of a daemon, made at its start and while it runs."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from weakref import WeakValueDictionary

from mgcld.assemble.outside import build_spool
from mgcld.assemble.parts import build_encoder, build_part, build_source, serving_captioner, speaker_of
from mgcld.audio.capture import Capture
from mgcld.audio.inbox import Inbox
from mgcld.config import Config, Part
from mgcld.events.rules import Rules
from mgcld.interfaces import Captioner, Sink
from mgcld.model.adapter import Adapter
from mgcld.model.captions import Deadline
from mgcld.model.checkpoint import check_captioner, check_encoder, load_adapter, read_adapter
from mgcld.model.listen import Listener
from mgcld.model.recogniser import Recogniser
from mgcld.service.change.following import mark
from mgcld.service.event_rules import build_rules, unknown_classes
from mgcld.service.outlet import Outlet
from mgcld.service.overload import Overload
from mgcld.service.pace import Pace
from mgcld.service.served import Served
from mgcld.service.wire import Meta, source_health


class DaemonsWorkshop:
    """Makes the daemon's parts from its configuration, at the start and while it runs."""

    def __init__(self, read: Callable[[], Config], config: Config, inbox: Inbox, outlet: Outlet) -> None:
        """Load the encoder: it stays.

        Raises:
            MgcldError: it cannot be loaded.
        """
        self.config = read
        self._inbox = inbox
        self._outlet = outlet
        self._deadline = Deadline(config.caption_seconds)
        self._captioners: WeakValueDictionary[tuple[str, Path], Captioner] = WeakValueDictionary()
        self._window_seconds = load_adapter(config.adapter).provenance.window_seconds
        self._encoder = build_encoder(config.encoder)  # what is wrong with the adapter was told before that

    def served(self, config: Config, path: Path | None = None) -> Served:
        """See `Workshop`."""
        path = path or config.adapter
        seen = mark(path)
        adapter, short = read_adapter(path)
        check_encoder(adapter, self._encoder)
        part = serving_captioner(config, adapter)
        listener = Listener(self._encoder, self._captioner(part), self._deadline)
        check_captioner(adapter, listener.captioner)
        meta = _meta(adapter, part, short, config)
        return Served(Recogniser(listener, adapter), meta, adapter.thresholds, path, seen)

    def _captioner(self, part: Part) -> Captioner:
        """The one that is in service already, where it is the same: it may be another gigabyte, and take a minute."""
        key = part.named, part.base
        captioner = self._captioners.get(key)
        if captioner is None:
            captioner = speaker_of(self._encoder, part)
            with suppress(TypeError):  # of a class of which nobody can tell whether it is still in use
                self._captioners[key] = captioner
        return captioner

    def check_sources(self, config: Config, names: Sequence[str]) -> None:
        """See `Workshop`."""
        for name in names:
            build_source(name, config.sources[name])

    def capture(self, config: Config, name: str, last_epoch: int) -> Capture:
        """See `Workshop`."""
        source = build_source(name, config.sources[name])
        return Capture(
            name,
            source,
            sample_rate=self._encoder.sample_rate,
            window_seconds=self._window_seconds,
            hop_seconds=config.hop_seconds,
            inbox=self._inbox,
            on_status=lambda status: self._outlet.send(source_health(status)),
            stall_seconds=config.stall_seconds,
            spool=build_spool(config.spool, name) if config.spool is not None and source.live else None,
            last_epoch=last_epoch,
        )

    def sink(self, config: Config, name: str) -> Sink:
        """See `Workshop`."""
        sink: Sink = build_part("sink", config.sinks[name], f"sinks.{name}")
        return sink

    def overload(self, config: Config, pace: Pace) -> Overload:
        """See `Workshop`."""
        self._deadline.seconds = config.caption_seconds
        return Overload(
            config.overload.policy,
            inbox=self._inbox,
            pace=pace,
            captions=self._deadline,
            hop_seconds=config.hop_seconds,
            longest_hop_seconds=config.longest_hop_seconds,
        )

    def rules(self, config: Config, served: Served) -> Rules:
        """See `Workshop`."""
        return build_rules(config.events, served.meta.classes, served.thresholds)

    def strange_rules(self, config: Config, served: Served) -> Sequence[str]:
        """See `Workshop`."""
        return unknown_classes(config.events, served.meta.classes)


def _meta(adapter: Adapter, captioner: Part, short: str, config: Config) -> Meta:
    return Meta(
        classes=adapter.classes,
        thresholds=adapter.thresholds,
        encoder=adapter.provenance.encoder,
        captioner=None if captioner.type == "none" else captioner.type,
        adapter=short,
        window_seconds=adapter.provenance.window_seconds,
        hop_seconds=config.hop_seconds,
        sources=[*config.sources],
    )
