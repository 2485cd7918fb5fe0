"""`mgcld run`: the daemon."""

import faulthandler
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from mgcld.cli.logs import configure_logs
from mgcld.cli.table import LiveTable
from mgcld.config import Config, load_config, named_part, part_of_address
from mgcld.errors import ConfigError
from mgcld.service.notify import Notifier

ADAPTER = Path("adapter.safetensors")
"""Where `mgcld train` writes, and where adapters are looked for, unless told otherwise."""


def run(
    config: Annotated[
        Path | None, typer.Option("-c", "--config", help="The configuration, a YAML file.", readable=False)
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(
            help="name=address: rtsp://..., http://..., microphone:default, -, path.wav?pace=max. Repeat it for more."
        ),
    ] = None,
    adapter: Annotated[Path | None, typer.Option(help="The adapter, instead of the configuration's.")] = None,
    encoder: Annotated[
        str | None,
        typer.Option(help="NAME or NAME=MODEL, that of the adapter's training, instead of the configuration's."),
    ] = None,
    endpoint: Annotated[str | None, typer.Option(help="Where to publish, instead of the configuration's.")] = None,
    hop: Annotated[float | None, typer.Option(help="Seconds between two windows' starts.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No live table; the log only.")] = False,
    log_level: Annotated[
        str | None, typer.Option(help="debug, info, warning or error, instead of the configuration's.")
    ] = None,
) -> None:
    """Listen to sources and publish what they sound like, until they end or Ctrl-C. SIGHUP reads the file again."""
    for number in (signal.SIGINT, signal.SIGTERM):  # until the daemon itself listens to signals
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: os._exit(0))
    try:
        wishes = overrides(source or [], adapter or (None if config else ADAPTER), endpoint, hop, encoder)
        if log_level is not None:
            wishes["log_level"] = log_level
        read = partial(load_config, config, wishes)
        log(read())
        _serve(read, quiet)
    except KeyboardInterrupt:
        os._exit(0)  # a second time, while it stops: what is left are threads of our own


def _serve(read: Callable[[], Config], quiet: bool) -> None:
    faulthandler.enable()  # what hangs, and is ended by its watchdog, says where
    notifier = Notifier.from_environment()
    with notifier.extending():
        from mgcld.assemble import build_daemon  # torch: seconds, so only where it is needed

        views = {} if quiet else {"live table": LiveTable()}
        daemon = build_daemon(read, views=views, on_config=log, notifier=notifier)
    daemon.run()


def log(config: Config) -> None:
    """Log as the configuration wishes."""
    configure_logs(config.log_level, config.log_format)


def overrides(
    sources: list[str], adapter: Path | None, endpoint: str | None, hop: float | None, encoder: str | None
) -> dict[str, Any]:
    """What the command line wishes, to be laid over the configuration.

    Raises:
        ConfigError: a source without a name or an address, or two of one name.
    """
    named = [_source(text) for text in sources]
    if len(dict(named)) < len(named):
        raise ConfigError("--source: two sources have the same name", help="give each its own: one=..., two=...")
    wishes: dict[str, Any] = {"sources": dict(named)}
    if adapter is not None:
        wishes["adapter"] = adapter
    if encoder is not None:
        wishes["encoder"] = named_part(encoder)
    if endpoint is not None:
        wishes["publish"] = {"endpoint": endpoint}
    if hop is not None:
        wishes["hop_seconds"] = hop
    return wishes


def _source(text: str) -> tuple[str, Any]:
    name, equals, address = text.partition("=")
    if not (equals and name and address) or "://" in name:  # an address may hold a password: it is not repeated
        raise ConfigError("--source: not name=address", help="for instance --source kitchen=rtsp://camera/1")
    return name, part_of_address(address)
