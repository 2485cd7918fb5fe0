"""What `mgcld check` tries."""

from functools import partial

from mgcld.assemble.outside import build_publisher, spool_plan
from mgcld.assemble.parts import build_encoder, build_part, build_source, listener_of, serving_captioner
from mgcld.client import subscribe
from mgcld.config import Config, Part
from mgcld.errors import ConfigError, MgcldError, ReceiveTimeout
from mgcld.model.adapter import Adapter
from mgcld.model.captions import Deadline
from mgcld.service.check import Checkup, HttpPlan
from mgcld.service.control.controller import Controller
from mgcld.service.control.runtime import listening
from mgcld.service.event_rules import build_rules, check_classes
from mgcld.service.model_check import ModelPlan

ANSWER_SECONDS = 2.0
"""A running mgcld says at once what it is."""


def build_checkup(config: Config) -> Checkup:
    """Everything that `mgcld check` tries, nothing of it made yet."""
    deadline = Deadline(config.caption_seconds)
    return Checkup(
        sources={name: partial(build_source, name, _hurried(part)) for name, part in config.sources.items()},
        stall_seconds=config.stall_seconds,
        model=ModelPlan(
            path=config.adapter,
            build_encoder=lambda: build_encoder(config.encoder),
            build_listener=lambda encoder, adapter: listener_of(encoder, serving_captioner(config, adapter), deadline),
            hop_seconds=config.hop_seconds,
            sources=len(config.sources),
            check_events=partial(_check_events, config),
        ),
        build_publisher=lambda: build_publisher(config),
        publishes_on=partial(_publishes_on, config),
        http=None if config.http is None else HttpPlan(config.http.address, config.http.insecure),
        sinks={name: partial(build_part, "sink", part, f"sinks.{name}") for name, part in config.sinks.items()},
        spool=lambda: spool_plan(config),
    )


def _check_events(config: Config, adapter: Adapter) -> None:
    check_classes(config.events, adapter.classes)
    build_rules(config.events, adapter.classes, adapter.thresholds)


def _hurried(part: Part) -> Part:
    """A recording that is not waited for; any other source as it is."""
    return part.model_copy(update={"pace": "max"}) if part.type == "file" else part


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
