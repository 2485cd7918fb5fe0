"""Names in the configuration into parts: sources, encoders, captioners, sinks, and what listens with them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mgcld import registry
from mgcld.audio.remote import RemoteSource
from mgcld.captioners import captioner_of
from mgcld.config import Config, Part, options_of
from mgcld.errors import ConfigError
from mgcld.interfaces import AudioSource, Captioner, Encoder, Openable, Patient
from mgcld.model.adapter import Adapter
from mgcld.model.captions import Deadline
from mgcld.model.checkpoint import check_captioner, check_encoder, load_adapter
from mgcld.model.listen import Listener
from mgcld.model.recogniser import Recogniser


def build_recogniser(path: Path, encoder: Part, captioner: Part | None = None) -> Recogniser:
    """An adapter with its encoder and its captioner (or another one), for files: every window gets its caption.

    Raises:
        MgcldError: a part cannot be built, or the parts do not fit each other.
    """
    adapter = load_adapter(path)
    loaded = build_encoder(encoder)
    check_encoder(adapter, loaded)
    listener = listener_of(loaded, captioner_of(adapter.provenance.captioner, captioner))
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
    built: Encoder = build_part("encoder", part, "encoder")
    return built


def file_at_full_speed(path: Path) -> AudioSource:
    """A recording as training and `mgcld classify` read it."""
    source: AudioSource = registry.load("source", "file")(path=path, pace="max")
    return source


def serving_captioner(config: Config, adapter: Adapter) -> Part:
    """The configuration's, or the adapter's."""
    return captioner_of(adapter.provenance.captioner, config.captioner)


def listener_of(encoder: Encoder, captioner: Part, deadline: Deadline | None = None) -> Listener:
    """Encoder and captioner that fit each other."""
    return Listener(encoder, speaker_of(encoder, captioner), deadline)


def speaker_of(encoder: Encoder, captioner: Part) -> Captioner:
    """The captioner that a part describes, for this encoder."""
    constructor, options = captioner_options(captioner)
    speaker: Captioner = constructor(encoder=encoder, **options)
    return speaker


def fitting_listener(encoder: Encoder, captioner: Part | None) -> tuple[Listener, str]:
    """The listener, and its captioner as an adapter keeps it: without a wish the tags, if the encoder has some."""
    part = captioner or Part(type="tags" if encoder.tag_names else "retrieval")
    return listener_of(encoder, part), _noted(part)


def captioner_options(part: Part) -> tuple[Any, dict[str, Any]]:
    """Its constructor and its checked options."""
    constructor = registry.load("captioner", part.type)
    return constructor, options_of(constructor, part.options, where="captioner", base=part.base, injected=["encoder"])


def _noted(captioner: Part) -> str:
    """A captioner as an adapter keeps it; on which device it runs is each machine's affair."""
    _, options = captioner_options(captioner)
    kept = {name: _from_anywhere(name, value) for name, value in options.items() if name != "device"}
    return Part.model_validate({"type": captioner.type, **kept}).named


def _from_anywhere(name: str, value: object) -> object:
    """A path, and a model that is a folder here, as it can be found from every working directory."""
    path = isinstance(value, Path) or (name == "model" and Path(str(value)).expanduser().exists())
    return Path(str(value)).expanduser().resolve() if path else value


def build_part(kind: registry.Kind, part: Part, where: str) -> Any:
    """What a part describes; `where` is its place in the configuration.

    Raises:
        MgcldError: no such part, or options that it does not take.
    """
    constructor = registry.load(kind, part.type)
    options = options_of(constructor, part.options, where=where, base=part.base)
    if kind != "sink":
        return constructor(**options)
    with _told_where(where):  # there may be several
        return constructor(**options)
