"""Everything that can go wrong for a user: one tree, each error with a hint and an exit code.

MgcldError
├── ConfigError          the configuration cannot be used (exit 78: systemd does not restart)
│   └── InUse                another process has what it asks for
├── SourceError          a source cannot be opened or read; carries one of `REASONS`
├── SupportSetError      the recordings to train from cannot be used
├── DataSetError         the recordings to evaluate on cannot be used
├── ExplanationError     nobody could be had to write what a class sounds like
├── ReportError          the training report cannot be written
├── PublishError         a socket cannot be bound or written
├── MessageError         what came over the bus is no message
├── ReceiveTimeout       nothing came over the bus for too long
├── ControlError         a running mgcld cannot be reached, or will not do what it is asked to
└── ModelError
    ├── CheckpointError      an adapter or weights file cannot be read or written
    ├── EncoderMismatch      the adapter was trained with another encoder
    ├── DeviceUnavailable    the requested device is not there
    ├── OutOfDeviceMemory    the device's memory does not hold a single window
    └── WeightsUnavailable   an encoder's weights are not on disk
"""

from typing import ClassVar, Literal, get_args

Reason = Literal[
    "absent",  # the device is not there
    "auth",
    "codec",  # nothing here decodes it
    "crashed",  # the capture process died, or must be replaced
    "decode",  # what comes is damaged
    "dns",
    "ended",
    "no_audio",
    "not_found",
    "refused",
    "slow",  # it comes, but slower than it sounds
    "timeout",
    "tls",
    "unknown",
    "unreachable",
]
REASONS: tuple[Reason, ...] = get_args(Reason)


class MgcldError(Exception):
    """A fault that a user can mend: `str(error)` says what is wrong, `error.help` what to do."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, help: str = "") -> None:
        super().__init__(message)
        self.help = help


class ConfigError(MgcldError):
    """The configuration, or an option on the command line, cannot be used."""

    exit_code = 78  # EX_CONFIG


class InUse(ConfigError):
    """Another process, as a running mgcld, has what is asked for."""


class SourceError(MgcldError):
    """A source cannot be opened or stopped delivering; `reason` is one of `REASONS`."""

    exit_code = 66  # EX_NOINPUT

    def __init__(self, message: str, *, reason: Reason = "unknown", help: str = "") -> None:
        super().__init__(message, help=help)
        self.reason: Reason = reason


class SupportSetError(MgcldError):
    """The recordings to train from cannot be used."""

    exit_code = 65  # EX_DATAERR


class DataSetError(MgcldError):
    """The recordings to evaluate on cannot be used."""

    exit_code = 72  # EX_OSFILE


class ExplanationError(MgcldError):
    """Nobody could be had to write what a class sounds like."""

    exit_code = 68  # EX_NOHOST


class ReportError(MgcldError):
    """The training report cannot be written."""

    exit_code = 73  # EX_CANTCREAT


class PublishError(MgcldError):
    """A socket cannot be bound or written."""

    exit_code = 69  # EX_UNAVAILABLE


class MessageError(MgcldError):
    """What came over the bus is no message of this version."""

    exit_code = 76  # EX_PROTOCOL


class ReceiveTimeout(MgcldError, TimeoutError):
    """Nothing came over the bus for as long as the caller wanted to wait."""

    exit_code = 75  # EX_TEMPFAIL


class ControlError(MgcldError):
    """A running mgcld cannot be reached, or will not do now what it is asked to."""

    exit_code = 71  # EX_OSERR


class ModelError(MgcldError):
    """The encoder or the adapter cannot be used."""

    exit_code = 70  # EX_SOFTWARE


class CheckpointError(ModelError):
    """An adapter or weights file cannot be read or written."""

    exit_code = 74  # EX_IOERR


class EncoderMismatch(ModelError):
    """The adapter was trained with another encoder than the one that is loaded."""


class DeviceUnavailable(ModelError):
    """The requested device is not on this machine."""


class OutOfDeviceMemory(ModelError):
    """The device's memory does not hold a single window."""


class WeightsUnavailable(ModelError):
    """An encoder's weights are not on disk."""
