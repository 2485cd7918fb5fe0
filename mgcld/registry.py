"""A name in the configuration -> the class behind it: a built-in, an entry point, or `package.module:attribute`."""

import importlib
import re
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

from mgcld.errors import ConfigError

Kind = Literal["source", "encoder", "captioner", "explainer", "sink"]

BUILT_IN: dict[Kind, dict[str, str]] = {
    "source": {
        "file": "mgcld_plugins.sources.file:FileSource",
        "microphone": "mgcld_plugins.sources.microphone:MicrophoneSource",
        "rtsp": "mgcld_plugins.sources.rtsp:RtspSource",
        "stream": "mgcld_plugins.sources.stream:StreamSource",
    },
    "encoder": {
        "clap": "mgcld_plugins.encoders.clap:ClapEncoder",
        "laion_clap": "mgcld_plugins.encoders.laion_clap:LaionClapEncoder",
        "mini": "mgcld_plugins.encoders.mini:MiniEncoder",
        "msclap": "mgcld_plugins.encoders.msclap:MsClapEncoder",
    },
    "captioner": {
        "tags": "mgcld_plugins.captioners.tags:TagsCaptioner",
        "retrieval": "mgcld_plugins.captioners.retrieval:RetrievalCaptioner",
        "generative": "mgcld_plugins.captioners.generative:GenerativeCaptioner",
        "file": "mgcld_plugins.captioners.file:FileCaptioner",
        "none": "mgcld_plugins.captioners.none:NoCaptioner",
    },
    "explainer": {
        "bank": "mgcld_plugins.explainers.bank:BankExplainer",
        "chat": "mgcld_plugins.explainers.chat:ChatExplainer",
        "template": "mgcld_plugins.explainers.template:TemplateExplainer",
    },
    "sink": {
        "clips": "mgcld_plugins.sinks.clips:ClipsSink",
        "jsonl": "mgcld_plugins.sinks.jsonl:JsonlSink",
        "mqtt": "mgcld_plugins.sinks.mqtt:MqttSink",
        "webhook": "mgcld_plugins.sinks.webhook:WebhookSink",
    },
}


def group(kind: Kind) -> str:
    """The entry-point group in which a package offers parts of this kind: `mgcld.sources` and so on."""
    return f"mgcld.{kind}s"


def names(kind: Kind) -> list[str]:
    """Every name that can be written in the configuration for this kind of part."""
    return sorted({*BUILT_IN[kind], *entry_points(group=group(kind)).names})


def load(kind: Kind, name: str) -> Any:
    """The class behind a name; nothing is imported before it is chosen.

    Raises:
        ConfigError: nobody offers that name, or its module cannot be imported.
    """
    return _load(kind, _point(kind, name))


def target(kind: Kind, name: str) -> str:
    """Where the class behind a name is, as `module:attribute`.

    Raises:
        ConfigError: nobody offers that name.
    """
    return _point(kind, name).value


def _point(kind: Kind, name: str) -> EntryPoint:
    value = BUILT_IN[kind].get(name)
    if value is None and re.fullmatch(r"[\w.]+:\w+", name):
        value = name
    if value is not None:
        return EntryPoint(name=name, value=value, group=group(kind))
    offered = list(entry_points(group=group(kind), name=name))
    if not offered:
        raise ConfigError(f"no {kind} is called {name!r}", help=f"known: {', '.join(names(kind)) or 'none'}")
    return offered[0]


def _load(kind: Kind, point: EntryPoint) -> Any:
    try:
        module = importlib.import_module(point.module)
    except ModuleNotFoundError as error:
        missing = "it" if f"{point.module}.".startswith(f"{error.name}.") else f"{error.name!r}, which it needs,"
        raise ConfigError(
            f"{kind} {point.name!r}: cannot import {point.module}: {missing} is not installed",
            help=f"pip install what provides {error.name!r}",
        ) from error
    part = getattr(module, point.attr, None)
    if not callable(part):
        named = f"{kind} {point.name!r}: {point.module} has no {point.attr!r}"
        raise ConfigError(named, help="write package.module:Class")
    return part
