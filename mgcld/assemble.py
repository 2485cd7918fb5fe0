"""Wishes in, objects out: the only module that turns names into parts."""

import logging
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from mgcld import registry
from mgcld.audio.capture import Capture
from mgcld.audio.inbox import Inbox
from mgcld.audio.remote import RemoteSource
from mgcld.audio.spool import Spool
from mgcld.captioners import captioner_of
from mgcld.client import subscribe
from mgcld.config import Config, Part, SpoolConfig, options_of
from mgcld.errors import ConfigError, MgcldError, ReceiveTimeout
from mgcld.evaluation.features import Ear, default_cache
from mgcld.events.decider import Decider
from mgcld.events.rules import Rules
from mgcld.interfaces import AudioSource, Captioner, Encoder, Explainer, Openable, Patient, Sink
from mgcld.model.adapter import Adapter
from mgcld.model.captions import Deadline
from mgcld.model.checkpoint import check_captioner, check_encoder, load_adapter, read_adapter
from mgcld.model.listen import Listener
from mgcld.model.options import PRESETS, Mode
from mgcld.model.recogniser import Recogniser
from mgcld.service.bus.address import bindable
from mgcld.service.bus.guard import Guard
from mgcld.service.bus.keys import CurveKeys
from mgcld.service.bus.publisher import Publisher
from mgcld.service.change.following import mark
from mgcld.service.change.manager import Manager
from mgcld.service.check import Checkup, HttpPlan, SpoolPlan
from mgcld.service.control.controller import Controller
from mgcld.service.control.runtime import listening
from mgcld.service.control.server import started_control
from mgcld.service.daemon import Beside, Daemon
from mgcld.service.engine import Engine
from mgcld.service.event_rules import build_rules, check_classes, unknown_classes
from mgcld.service.http.binding import http_address
from mgcld.service.http.metrics import Metrics
from mgcld.service.http.server import HttpServer
from mgcld.service.model_check import ModelPlan
from mgcld.service.notify import Notifier
from mgcld.service.outlet import Outlet
from mgcld.service.overload import Overload
from mgcld.service.pace import Pace
from mgcld.service.roster import Roster
from mgcld.service.served import Served
from mgcld.service.wire import Meta, Stamper, source_health
from mgcld.training.train import Progress, Trainer

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 5.0
"""Of a new adapter."""
METRICS = "http metrics"
"""No sink of a configuration can be called so."""
ANSWER_SECONDS = 2.0
"""A running mgcld says at once what it is."""


def build_daemon(
    read: Callable[[], Config],
    *,
    views: Mapping[str, Sink],
    on_config: Callable[[Config], None] = lambda _: None,
    notifier: Notifier | None = None,
) -> Daemon:
    """Everything that `mgcld run` needs, not started; `read` reads the configuration, now and at each reload.

    `views` get every message too. `on_config` is told of each configuration that is taken over.

    Raises:
        MgcldError: a part cannot be built, or the parts do not fit each other.
    """
    config = read()
    publisher = _publisher(config)  # what is wrong with its address, and with sources, is told before the model loads
    sources = {name: build_source(name, part) for name, part in config.sources.items()}
    if config.spool is not None:
        _warn_of_left_spools(config.spool, [name for name, source in sources.items() if source.live])
    inbox = Inbox(config.inbox_windows)
    stamper = Stamper(config.node)
    metrics = Metrics()
    outlet = Outlet(stamper, publisher, {**views, **({METRICS: metrics} if config.http is not None else {})})
    workshop = DaemonsWorkshop(read, config, inbox, outlet)
    served = workshop.served(config)
    check_classes(config.events, served.meta.classes)
    workshop.rules(config, served)
    for name in config.sinks:
        outlet.add(name, workshop.sink(config, name))
    decider = Decider(update_seconds=config.events.update_seconds, longest_hop_seconds=config.longest_hop_seconds)
    engine = Engine(served, inbox, outlet, decider, max_batch=config.max_batch)
    notifier = notifier or Notifier.from_environment()
    roster = Roster(
        [*config.sources], partial(workshop.capture, config), lambda status: outlet.send(source_health(status))
    )
    manager = Manager(
        config, workshop, engine=engine, outlet=outlet, roster=roster, notifier=notifier, on_config=on_config
    )
    return Daemon(
        stamper=stamper,
        engine=engine,
        publisher=publisher,
        outlet=outlet,
        notifier=notifier,
        roster=roster,
        manager=manager,
        beside=[*_control(config, publisher), *_http(config, metrics)],
    )


def _control(config: Config, publisher: Publisher) -> Iterator[Beside]:
    if not config.control.enabled:
        return
    curve, endpoint = config.publish.curve, config.control.endpoint
    asks = curve is not None and endpoint is not None and endpoint.startswith("tcp:")  # a file's mode protects ipc
    keys = CurveKeys.load(curve.key_file, config.control.clients) if curve is not None and asks else None

    @contextmanager
    def serving(daemon: Daemon) -> Iterator[None]:
        control = started_control(
            daemon,
            publish_endpoint=publisher.endpoint,
            endpoint=endpoint,
            guard=lambda context: Guard(context, keys, "control", local=not asks),
        )
        try:
            yield
        finally:
            if control is not None:
                control.close(0.5)

    yield serving


def _http(config: Config, metrics: Metrics) -> Iterator[Beside]:
    if config.http is None:
        return
    address, insecure = config.http.address, config.http.insecure
    http_address(address, insecure=insecure)  # what is wrong with it is told before the model loads

    @contextmanager
    def serving(daemon: Daemon) -> Iterator[None]:
        server = HttpServer(address, insecure=insecure, snapshot=daemon.snapshot, metrics=metrics)
        server.start()
        try:
            yield
        finally:
            server.close()

    yield serving


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
        part = _captioner_of(config, adapter)
        listener = Listener(self._encoder, self._captioner(part), self._deadline)
        check_captioner(adapter, listener.captioner)
        meta = _meta(adapter, part, short, config)
        return Served(Recogniser(listener, adapter), meta, adapter.thresholds, path, seen)

    def _captioner(self, part: Part) -> Captioner:
        """The one that is in service already, where it is the same: it may be another gigabyte, and take a minute."""
        key = part.named, part.base
        captioner = self._captioners.get(key)
        if captioner is None:
            captioner = _speaker(self._encoder, part)
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
            spool=_spool(config.spool, name) if config.spool is not None and source.live else None,
            last_epoch=last_epoch,
        )

    def sink(self, config: Config, name: str) -> Sink:
        """See `Workshop`."""
        sink: Sink = _build("sink", config.sinks[name], f"sinks.{name}")
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


def build_checkup(config: Config) -> Checkup:
    """Everything that `mgcld check` tries, nothing of it made yet."""
    deadline = Deadline(config.caption_seconds)
    return Checkup(
        sources={name: partial(build_source, name, _hurried(part)) for name, part in config.sources.items()},
        stall_seconds=config.stall_seconds,
        model=ModelPlan(
            path=config.adapter,
            build_encoder=lambda: build_encoder(config.encoder),
            build_listener=lambda encoder, adapter: _listener(encoder, _captioner_of(config, adapter), deadline),
            hop_seconds=config.hop_seconds,
            sources=len(config.sources),
            check_events=partial(_check_events, config),
        ),
        build_publisher=lambda: _publisher(config),
        publishes_on=partial(_publishes_on, config),
        http=None if config.http is None else HttpPlan(config.http.address, config.http.insecure),
        sinks={name: partial(_build, "sink", part, f"sinks.{name}") for name, part in config.sinks.items()},
        spool=lambda: _spool_plan(config),
    )


def _check_events(config: Config, adapter: Adapter) -> None:
    check_classes(config.events, adapter.classes)
    build_rules(config.events, adapter.classes, adapter.thresholds)


def build_recogniser(path: Path, encoder: Part, captioner: Part | None = None) -> Recogniser:
    """An adapter with its encoder and its captioner (or another one), for files: every window gets its caption.

    Raises:
        MgcldError: a part cannot be built, or the parts do not fit each other.
    """
    adapter = load_adapter(path)
    listener = build_listener(encoder, captioner_of(adapter.provenance.captioner, captioner))
    check_encoder(adapter, listener.encoder)
    check_captioner(adapter, listener.captioner)
    return Recogniser(listener, adapter)


def build_source(name: str, part: Part) -> Openable:
    """The source that a configuration's part describes, not opened yet; a live one opens in a process of its own.

    Raises:
        ConfigError: no such source, or options that it does not take.
    """
    constructor = registry.load("source", part.type)
    options = part.options
    address = options.pop("address", None)
    if address is not None:
        if not hasattr(constructor, "from_address"):
            raise ConfigError(f"sources.{name}: {part.type} takes no address", help="write its options as a mapping")
        with _told_where(f"sources.{name}"):
            options = {**constructor.from_address(address), **options}
    checked = options_of(constructor, options, where=f"sources.{name}", base=part.base)
    with _told_where(f"sources.{name}"):  # what it does not take is told now, not in its process
        source: Openable = constructor(**checked)
    if not source.live:
        return source
    patience = source.patience_seconds if isinstance(source, Patient) else 0.0
    return RemoteSource(name, registry.target("source", part.type), checked, patience)


@contextmanager
def _told_where(where: str) -> Iterator[None]:
    """Which of many cannot be used: what a part says of an address does not hold it, as it may hold a password."""
    try:
        yield
    except ConfigError as error:
        raise type(error)(f"{where}: {error}", help=error.help) from error


def build_encoder(part: Part) -> Encoder:
    """The encoder that a part describes.

    Raises:
        MgcldError: no such part, or its weights or its device are not here.
    """
    built: Encoder = _build("encoder", part, "encoder")
    return built


def build_listener(encoder: Part, captioner: Part, deadline: Deadline | None = None) -> Listener:
    """An encoder and a captioner that fit each other; with a deadline, captions that come too late are left out.

    Raises:
        MgcldError: no such part, or its weights or its device are not here.
    """
    return _listener(build_encoder(encoder), captioner, deadline)


def build_trainer(
    *, encoder: Part, captioner: Part | None = None, explainer: Part | None = None, mode: Mode, progress: Progress
) -> Trainer:
    """Everything that `mgcld train` needs; without a captioner, the one that fits the encoder.

    Raises:
        MgcldError: no such part, or its weights or its device are not here.
    """
    writer: Explainer = _build("explainer", explainer or Part(type=usual_explainer(encoder)), "explainer")
    listener, noted = _fitting(build_encoder(encoder), captioner)
    return Trainer(
        listener=listener,
        captioner=noted,
        open_file=file_at_full_speed,
        explainer=writer,
        options=PRESETS[mode],
        window_seconds=WINDOW_SECONDS,
        progress=progress,
    )


def build_ear(
    *,
    encoder: Part,
    captioner: Part | None = None,
    explainer: Part | None = None,
    cache: Path | None,
    progress: Progress,
) -> tuple[Ear, Explainer]:
    """What `mgcld eval` hears a data set with, and who explains its classes; the captioner as in training.

    Raises:
        MgcldError: no such part, or its weights or its device are not here.
    """
    writer: Explainer = _build("explainer", explainer or Part(type=usual_explainer(encoder)), "explainer")
    listener, noted = _fitting(build_encoder(encoder), captioner)
    ear = Ear(
        listener=listener,
        captioner=noted,
        open_file=file_at_full_speed,
        window_seconds=WINDOW_SECONDS,
        cache=cache or default_cache(),
        progress=progress,
    )
    return ear, writer


def usual_explainer(encoder: Part) -> str:
    """The bank of written sentences, but for `mini` the class's name in a few phrasings.

    Its text is a bag of words, to which a sentence about a sound says less than the sound's name: on recordings kept
    aside, zero-shot with the bank was 3 to 4 points lower, and the adapter the same.
    """
    return "template" if encoder.type == "mini" else "bank"


def file_at_full_speed(path: Path) -> AudioSource:
    """A recording as training and `mgcld classify` read it."""
    source: AudioSource = registry.load("source", "file")(path=path, pace="max")
    return source


def _hurried(part: Part) -> Part:
    """A recording that is not waited for; any other source as it is."""
    return part.model_copy(update={"pace": "max"}) if part.type == "file" else part


def _publisher(config: Config) -> Publisher:
    wish = config.publish
    curve = None if wish.curve is None else CurveKeys.load(wish.curve.key_file, wish.curve.clients)
    bindable(wish.endpoint, insecure=wish.insecure, encrypted=curve is not None)
    return Publisher(wish.endpoint, insecure=wish.insecure, beside=_beside(), curve=curve)


def _captioner_of(config: Config, adapter: Adapter) -> Part:
    return captioner_of(adapter.provenance.captioner, config.captioner)


def _publishes_on(config: Config, endpoint: str) -> str | None:
    """Which mgcld it is that publishes there; None if none does, or it tells neither its listeners nor us."""
    heard = None if config.publish.curve is not None else _heard_on(endpoint)
    return heard or _told_by_control(config, endpoint)


def _heard_on(endpoint: str) -> str | None:
    try:
        with subscribe(endpoint, ("meta",), timeout_seconds=ANSWER_SECONDS) as messages:
            message = next(messages)
    except (ReceiveTimeout, ConfigError):
        return None
    return _running(message.header.get("node"), message.body.get("adapter"))


def _told_by_control(config: Config, endpoint: str) -> str | None:
    """Where the bus is encrypted, its listeners' keys are not ours; but orders of this user are taken."""
    configured = config.control.endpoint
    for control in listening() if configured is None else [configured]:
        try:
            with Controller(control) as running:
                status = running.ask("status", timeout_seconds=ANSWER_SECONDS)
        except MgcldError:
            continue
        if status.get("endpoint") == endpoint:
            return _running(status.get("node"), status.get("adapter"))
    return None


def _running(node: object, adapter: object) -> str:
    return f"a running mgcld (node {node}, adapter {adapter})"


def _spool(wish: SpoolConfig, source: str) -> Spool:
    """Where a live source's audio waits."""
    return Spool(_spool_folder(wish) / source, max_bytes=round(wish.max_megabytes * 1e6))


def _warn_of_left_spools(wish: SpoolConfig, sources: Collection[str]) -> None:
    folder = _spool_folder(wish)
    for left in sorted({path.parent.name for path in folder.glob("*/*.segment")} - {*sources}):
        text = "%s: it is no live source any more, but its sound is still there: delete %s"
        logger.warning(text, left, folder / left)


def _spool_folder(wish: SpoolConfig) -> Path:
    state = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if wish.folder is None and not state:
        raise ConfigError("spool: no folder", help="write spool.folder; a service has one by its StateDirectory")
    return wish.folder or Path(state) / "spool"


def _spool_plan(config: Config) -> SpoolPlan | None:
    if config.spool is None:
        return None
    return SpoolPlan(_spool_folder(config.spool), round(config.spool.max_megabytes * 1e6) * len(config.sources))


def _beside() -> str | None:
    """In the runtime directory that a service manager made, programs of this machine find the daemon too."""
    folder = os.environ.get("RUNTIME_DIRECTORY")
    return f"ipc://{folder}/mgcld.ipc" if folder else None


def _listener(encoder: Encoder, captioner: Part, deadline: Deadline | None = None) -> Listener:
    return Listener(encoder, _speaker(encoder, captioner), deadline)


def _speaker(encoder: Encoder, captioner: Part) -> Captioner:
    constructor, options = _captioner(captioner)
    speaker: Captioner = constructor(encoder=encoder, **options)
    return speaker


def _fitting(encoder: Encoder, captioner: Part | None) -> tuple[Listener, str]:
    """The listener, and its captioner as an adapter keeps it: without a wish the tags, if the encoder has some."""
    part = captioner or Part(type="tags" if encoder.tag_names else "retrieval")
    return _listener(encoder, part), _noted(part)


def _captioner(part: Part) -> tuple[Any, dict[str, Any]]:
    """Its constructor and its checked options."""
    constructor = registry.load("captioner", part.type)
    return constructor, options_of(constructor, part.options, where="captioner", base=part.base, injected=["encoder"])


def _noted(captioner: Part) -> str:
    """A captioner as an adapter keeps it; on which device it runs is each machine's affair."""
    _, options = _captioner(captioner)
    kept = {name: _from_anywhere(name, value) for name, value in options.items() if name != "device"}
    return Part.model_validate({"type": captioner.type, **kept}).named


def _from_anywhere(name: str, value: object) -> object:
    """A path, and a model that is a folder here, as it can be found from every working directory."""
    path = isinstance(value, Path) or (name == "model" and Path(str(value)).expanduser().exists())
    return Path(str(value)).expanduser().resolve() if path else value


def _build(kind: registry.Kind, part: Part, where: str) -> Any:
    constructor = registry.load(kind, part.type)
    options = options_of(constructor, part.options, where=where, base=part.base)
    if kind != "sink":
        return constructor(**options)
    with _told_where(where):  # there may be several
        return constructor(**options)


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
