"""What `mgcld run` needs."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from mgcld.assemble.outside import build_publisher, warn_of_left_spools
from mgcld.assemble.parts import build_source
from mgcld.assemble.workshop import DaemonsWorkshop
from mgcld.audio.inbox import Inbox
from mgcld.config import Config
from mgcld.events.decider import Decider
from mgcld.interfaces import Sink
from mgcld.service.bus.guard import Guard
from mgcld.service.bus.keys import CurveKeys
from mgcld.service.bus.publisher import Publisher
from mgcld.service.change.manager import Manager
from mgcld.service.control.server import started_control
from mgcld.service.daemon import Beside, Daemon
from mgcld.service.engine import Engine
from mgcld.service.event_rules import check_classes
from mgcld.service.http.binding import http_address
from mgcld.service.http.metrics import Metrics
from mgcld.service.http.server import HttpServer
from mgcld.service.notify import Notifier
from mgcld.service.outlet import Outlet
from mgcld.service.roster import Roster
from mgcld.service.wire import Stamper, source_health

METRICS = "http metrics"
"""No sink of a configuration can be called so."""


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
    publisher = build_publisher(config)  # what is wrong with this and with sources is told before the model loads
    sources = {name: build_source(name, part) for name, part in config.sources.items()}
    if config.spool is not None:
        warn_of_left_spools(config.spool, [name for name, source in sources.items() if source.live])
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
