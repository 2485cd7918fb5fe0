"""The configuration file: YAML into frozen models; a key that nobody knows is an error with its path.

`schema` holds the options of the daemon itself. Each part (source, encoder, captioner, sink) states its own options in
its constructor; `options_of` checks them the same way.
"""

from .parts import Part, encoder_part, named_part, options_of, part_of_address
from .reading import explainer_part, load_config
from .schema import (
    DEFAULT_ENDPOINT,
    Config,
    ControlConfig,
    CurveConfig,
    EventRule,
    EventsConfig,
    HttpConfig,
    Model,
    OverloadConfig,
    PublishConfig,
    SourceEvents,
    SpoolConfig,
)

__all__ = [
    "DEFAULT_ENDPOINT",
    "Config",
    "ControlConfig",
    "CurveConfig",
    "EventRule",
    "EventsConfig",
    "HttpConfig",
    "Model",
    "OverloadConfig",
    "Part",
    "PublishConfig",
    "SourceEvents",
    "SpoolConfig",
    "encoder_part",
    "explainer_part",
    "load_config",
    "named_part",
    "options_of",
    "part_of_address",
]
