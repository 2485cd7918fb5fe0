"""The records that flow: block → window → features → prediction → event → message.

Nothing here imports torch: a capture process uses this module too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Float32

if TYPE_CHECKING:
    from torch import Tensor

Clock = Literal["adc", "rtcp", "arrival", "file"]
Flag = Literal["silent", "clipped", "late", "partial", "clock_step"]
State = Literal["connecting", "live", "stalled", "lost", "absent", "failed", "ended", "paused"]
MessageKind = Literal["prob", "event", "health", "meta"]
Phase = Literal["start", "update", "end"]
EndReason = Literal[
    "quiet",  # its probability stayed below the threshold
    "gap",  # sound is missing
    "source_lost",
    "source_ended",
    "paused",
    "removed",  # its source, or its class's events, left the configuration
    "adapter",  # another adapter judges from here on
    "shutdown",
]

NANOSECONDS = 1_000_000_000


def nanoseconds(samples: int, sample_rate: int) -> int:
    """The duration of so many samples, rounded to whole nanoseconds."""
    return (samples * NANOSECONDS + sample_rate // 2) // sample_rate


def caption_files(recording: Path) -> tuple[Path, Path]:
    """Where people write what a recording holds: a text of its name beside it, else a line in the list above.

    For `support/kettle/1.wav`: `support/kettle/1.txt`, then `kettle/1.wav` in `support/captions.yaml`.
    """
    return recording.with_suffix(".txt"), recording.parent.parent / "captions.yaml"


@dataclass(frozen=True, slots=True, eq=False)
class AudioBlock:
    """Consecutive mono samples, as a source delivers them."""

    samples: Float32[np.ndarray, " samples"]
    """Mono, full scale is ±1."""
    sample_rate: int
    """Hertz."""
    first_sample: int
    """Index of samples[0] since the source was opened. A jump says that samples were lost."""
    captured_ns: int
    """When samples[0] was heard (nanoseconds since the Unix epoch, UTC)."""
    clock: Clock = "arrival"
    """Where `captured_ns` comes from."""
    clock_uncertainty_ns: int = 0
    """How far `captured_ns` may be off (nanoseconds)."""
    epoch: int = 0
    """Counts the openings of the source: a new epoch is always a gap."""
    drift: float = 0.0
    """By how much a sample lasts longer than `sample_rate` says (1e-6 is 1 ppm); sources leave it alone."""
    clock_steps: int = 0
    """Counts the leaps of the clock: `captured_ns` does not lead over one; sources leave it alone."""

    def heard_ns(self, sample: int) -> int:
        """When the sample of that index was heard, counted from this block (nanoseconds since the Unix epoch, UTC)."""
        since = sample - self.first_sample
        bent = round(since * self.drift * NANOSECONDS / self.sample_rate)
        return self.captured_ns + nanoseconds(since, self.sample_rate) + bent


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Exactly `window_seconds` of consecutive samples of one epoch: what the encoder hears at once."""

    source: str
    """The source's name in the configuration."""
    samples: Float32[np.ndarray, " window"]
    """Mono at the encoder's rate; zeros after `valid_samples`."""
    sample_rate: int
    """Hertz: the encoder's."""
    first_sample: int
    """Index of samples[0] in its epoch, at `sample_rate`."""
    epoch: int
    """Counts the openings of the source, and changes of its rate while it was open."""
    start_ns: int
    """When samples[0] was heard (nanoseconds since the Unix epoch, UTC)."""
    clock: Clock
    """Where `start_ns` comes from."""
    clock_uncertainty_ns: int
    """How far `start_ns` may be off (nanoseconds)."""
    valid_samples: int
    """How many samples were heard; fewer than the window only at the end of a file."""
    gap_samples: int | None
    """Samples lost between the window before and this one, and before each of `dropped_windows`, at `sample_rate`; None
    where nobody knows.

    Within an epoch it is counted. Between epochs it is the time that passed, right to within the uncertainty of both
    windows' clocks: known where that is small (`mgcld.audio.gaps.GOOD_NS`) and no clock leapt, else None.
    """
    level_dbfs: float | None
    """Root mean square over the valid samples (dB relative to full scale); None is digital silence."""
    flags: frozenset[Flag] = frozenset()
    """What a reader should know about this window."""
    dropped_windows: int = 0
    """Windows of this source thrown away just before this one because inference fell behind."""
    ready_ns: int = 0
    """When the window was complete (nanoseconds, `time.monotonic_ns`)."""
    recording: Path | None = None
    """The shot's file that it was cut from; None in a stream."""
    peak_dbfs: float | None = None
    """Largest of the valid samples (dB relative to full scale, over 0 where resampling overshot); None is digital
    silence."""

    @property
    def end_ns(self) -> int:
        """When the last sample that was heard ends (nanoseconds since the Unix epoch, UTC)."""
        return self.start_ns + nanoseconds(self.valid_samples, self.sample_rate)

    @property
    def start_seconds(self) -> float:
        """Seconds from the opening of the source to samples[0]."""
        return self.first_sample / self.sample_rate

    @property
    def end_seconds(self) -> float:
        """Seconds from the opening of the source to the last sample that was heard."""
        return (self.first_sample + self.valid_samples) / self.sample_rate


@dataclass(frozen=True, slots=True, eq=False)
class AudioFeatures:
    """What a frozen encoder hears in a batch of windows."""

    fine: "Tensor"
    """(batch, segments, audio_dim): one row a segment, of any length; compare rows by cosine."""
    weights: "Tensor"
    """(batch, segments), rows sum to 1: how much each segment tells, the transport's marginals; 0 is padding."""
    coarse: "Tensor"
    """(batch, audio_dim): one unit row a window."""
    tags: "Tensor | None" = None
    """(batch, tags): probabilities of the encoder's `tag_names`, where it has a tag head."""


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """What is known of a batch of windows: the audio, and a sentence about it in the text space."""

    audio: AudioFeatures
    captions: tuple[str | None, ...]
    """One sentence a window; None where nobody wrote one."""
    caption: "Tensor"
    """(batch, text_dim): the captions' embeddings, unit rows (R_t); without a caption the aligned audio."""
    fresh: tuple[bool, ...] = ()
    """For each window whether its caption (or its having none) is its own: False where the captioner had no time for
    it, and a caption is the one of an earlier, overlapping window. Empty where all are."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """One window's class probabilities, and the parts that they are made of."""

    classes: tuple[str, ...]
    """The adapter's classes, in its order."""
    p: tuple[float, ...]
    """Probability of each class; together with `unknown` they sum to 1."""
    unknown: float
    """Probability that the window holds none of the classes."""
    parts: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Name of a part (coarse_cache, fine_cache, coarse_contrast, fine_contrast) -> its logit of each class."""
    caption: str | None = None
    """The sentence that the captioner wrote, when captions are on."""
    caption_fresh: bool = True
    """False where the captioner had no time for this window: `caption` is then the one of an earlier, overlapping
    window, or None."""

    @property
    def named(self) -> dict[str, float]:
        """Class -> probability, in the adapter's order, `unknown` last."""
        return {**dict(zip(self.classes, self.p, strict=True)), "unknown": self.unknown}

    @property
    def top(self) -> tuple[tuple[str, float], ...]:
        """(class, probability), most probable first, `unknown` among them."""
        return tuple(sorted(self.named.items(), key=lambda pair: -pair[1]))


@dataclass(frozen=True, slots=True)
class Event:
    """A class is heard at a source, from its start to its end. Every start has one end, of the same `id`."""

    id: str
    """A ULID: 26 characters, unique, later ones sort behind."""
    source: str
    name: str
    """The class."""
    phase: Phase
    t_on_ns: int
    """When the first window that belongs to it began (nanoseconds since the Unix epoch, UTC)."""
    t_heard_ns: int
    """When the last window that belongs to it so far ended (nanoseconds since the Unix epoch, UTC)."""
    p_max: float
    """Largest probability of the class in its windows so far."""
    p_mean: float
    """Mean probability over its sound so far: sound that windows share counts once."""
    windows: int
    """Windows that belong to it so far."""
    threshold_on: float
    """Probability from which a window counted as heard."""
    threshold_off: float
    """Probability below which a window counts as quiet."""
    clock: Clock
    """Where the times come from."""
    clock_uncertainty_ns: int
    """How far they may be off (nanoseconds)."""
    adapter: str
    """Short hash of the adapter that judged."""
    reason: EndReason | None = None
    """Why it ended; None before."""

    @property
    def t_off_ns(self) -> int | None:
        """When it ended (nanoseconds since the Unix epoch, UTC); None before."""
        return self.t_heard_ns if self.phase == "end" else None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Published weights that an encoder can be loaded with, as far as they are known without loading them."""

    model: str
    """What the encoder's option `model` takes; empty where there is no choice."""
    licence: str | None = None
    """Of the weights, as its publisher says; None where nobody knows, as in the other fields."""
    sample_rate: int | None = None
    """Hertz."""
    segment_seconds: float | None = None
    """Seconds of sound to one row of the fine features."""
    megabytes: float | None = None
    """Size of the weights."""
    revision: str | None = None
    """The commit that is downloaded."""
    fetch: str | None = None
    """The command that brings it onto a machine that has network."""
    here: bool = False
    """It is on this machine."""


@dataclass(frozen=True, slots=True)
class Transition:
    """A source has changed its state."""

    at_ns: int
    """When (nanoseconds since the Unix epoch, UTC)."""
    state: State
    reason: str | None
    """Why it is not live: one of `mgcld.errors.REASONS`."""


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """How one source is doing."""

    source: str
    """The source's name in the configuration."""
    state: State
    """`live` only after sound has arrived; `ended` and `failed` are final."""
    since_ns: int
    """When the state began (nanoseconds since the Unix epoch, UTC)."""
    reason: str | None = None
    """Why it is not live: one of `mgcld.errors.REASONS`."""
    hint: str | None = None
    """What a person can do about it; never holds a credential."""
    restarts: int = 0
    """Times it was opened again."""
    restarts_by_reason: Mapping[str, int] = field(default_factory=dict)
    """Why (one of `mgcld.errors.REASONS`) -> times it was opened again for that."""
    next_retry_ns: int | None = None
    """When it will be opened again (nanoseconds since the Unix epoch, UTC)."""
    alarm_since_ns: int | None = None
    """Since when it has had no lasting sound, where that is long enough to tell a person; None while all is well."""
    silent_since_ns: int | None = None
    """Since when all that comes is digital silence."""
    bytes_per_s: float = 0.0
    """Audio received lately (bytes a second, as 32-bit mono at the native rate)."""
    received_bytes: int = 0
    """Audio received so far (bytes, as 32-bit mono at the native rate)."""
    received_ns: int | None = None
    """When audio was received last (nanoseconds since the Unix epoch, UTC)."""
    level_dbfs: float | None = None
    """Level of the newest window (dB relative to full scale); None is digital silence or nothing yet."""
    drops: int = 0
    """Windows thrown away so far because inference fell behind."""
    backlog_seconds: float | None = None
    """Sound in its spool of which not every window has gone out, that of the window in progress included; None without
    a spool."""
    lost_seconds: float = 0.0
    """Sound that its spool had no room for, so far."""
    gaps: int = 0
    """Places so far where sound is missing, or may be, up to the newest window."""
    gap_seconds: float = 0.0
    """Sound that is missing there, as far as is known."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the source says of what it has opened: codec, rate and so on."""
    history: tuple[Transition, ...] = ()
    """Its last changes of state, oldest first."""


@dataclass(frozen=True, slots=True)
class Message:
    """What goes to subscribers and sinks (wire.md): a topic and two JSON objects."""

    kind: MessageKind
    topic: str
    """Ends in `/`, so that no topic is the prefix of another's name."""
    header: Mapping[str, Any]
    body: Mapping[str, Any]
