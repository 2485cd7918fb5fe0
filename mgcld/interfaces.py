"""What the replaceable parts promise: source, encoder, captioner, explainer, sink.

A part is a class whose constructor's keyword arguments are its options in the configuration. Parts import only this
module, `mgcld.data`, `mgcld.errors` and their own library. Nothing here imports torch.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from mgcld.data import AudioBlock, AudioFeatures, Message, Window

if TYPE_CHECKING:
    from torch import Tensor


@runtime_checkable
class Openable(Protocol):
    """Something that can be opened, again and again, and then gives sound."""

    @property
    def live(self) -> bool:
        """True when the world does not wait: it is reopened when it ends, and windows are dropped when late.

        False for a file: it ends, it can wait, and no window of it is ever dropped.
        """
        ...

    def blocks(self) -> Iterator[AudioBlock]:
        """Open, then yield blocks at the native rate, mono, until the sound ends or the iterator is closed.

        One call is one opening: `first_sample` starts at 0 and counts lost samples too. A block without samples says
        that nothing has come yet. It yields, raises or returns at least once every few seconds, and closing the
        iterator releases the device.

        Raises:
            SourceError: it cannot be opened or read on, with a reason.
        """
        ...


@runtime_checkable
class AudioSource(Openable, Protocol):
    """Where sound comes from. A live one is built and opened in a process of its own, with options that JSON knows."""

    @classmethod
    def from_address(cls, address: str) -> dict[str, Any]:
        """The options that `--source name=address` stands for, as the constructor takes them.

        Raises:
            ConfigError: the address makes no sense for this kind of source.
        """
        ...


@runtime_checkable
class Describing(Protocol):
    """A source that can say what it has opened, a sink how it is doing."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """What a person wants to know, as JSON; never a credential. From any thread, without waiting.

        Of the open sound `codec`, `sample_rate`, `channels` and so on, nothing before the first block. Of a sink its
        counts: `delivered`, `failed`, `dropped`, and `waiting` where it keeps a queue of its own.
        """
        ...


@runtime_checkable
class Choosing(Protocol):
    """A source that chose at its first opening what it means from then on, as the device that was the default."""

    @property
    def chosen(self) -> Mapping[str, Any]:
        """Options, as JSON, with which another object of its class would mean the same; empty before it chose."""
        ...


@runtime_checkable
class Patient(Protocol):
    """A source that may rightly be without sound for longer than most, as one that comes in long pieces."""

    @property
    def patience_seconds(self) -> float:
        """No sound for so long is no stall yet."""
        ...


@runtime_checkable
class Encoder(Protocol):
    """A frozen audio-language model. Everything that the core knows of it is stated here.

    One that offers several models takes an option `model`. For `mgcld encoders` its class may have `checkpoints()`: the
    `mgcld.data.Checkpoint`s that are known, without loading any.
    """

    @property
    def name(self) -> str:
        """What `--encoder` takes, for people: the name in the configuration, with `=model` where it has several."""
        ...

    @property
    def sample_rate(self) -> int:
        """Hertz."""
        ...

    @property
    def segment_seconds(self) -> float:
        """Seconds of sound to one row of the fine features."""
        ...

    @property
    def audio_dim(self) -> int:
        """Size of an audio feature."""
        ...

    @property
    def text_dim(self) -> int:
        """Size of a text feature."""
        ...

    @property
    def weights_hash(self) -> str:
        """sha256 (hexadecimal) of the weights, and of an option that changes what is heard with them.

        An adapter serves only the encoder that it was trained with, and features that were kept serve no other.
        """
        ...

    @property
    def device(self) -> str:
        """Where it runs: `cpu`, `cuda:0`."""
        ...

    @property
    def alignment(self) -> "Tensor":
        """(audio_dim, text_dim): brings an audio feature into the text space before any training; identity for CLAP."""
        ...

    @property
    def tag_names(self) -> Sequence[str]:
        """Names of `AudioFeatures.tags`; empty without a tag head."""
        ...

    def embed_audio(self, samples: "Tensor", valid_samples: "Tensor") -> AudioFeatures:
        """Hear a batch. samples: (batch, samples) at `sample_rate`; valid_samples: (batch,) of them were heard.

        Segments wholly behind the valid samples get weight 0. Any number of samples will do.
        """
        ...

    def embed_text(self, texts: Sequence[str]) -> "Tensor":
        """(texts, text_dim): unit rows."""
        ...


@runtime_checkable
class Captioner(Protocol):
    """Writes a sentence about each window. Its constructor takes `encoder`."""

    @property
    def provenance(self) -> str:
        """Everything that decides its words, in one line: an adapter notes it, and mgcld warns where another serves."""
        ...

    def caption(self, windows: Sequence[Window], features: AudioFeatures) -> Sequence[str | None]:
        """One sentence a window, None where it has nothing to say. `features` are of these windows, in their order."""
        ...


@runtime_checkable
class Explainer(Protocol):
    """Writes what a class sounds like."""

    def explain(self, name: str) -> Sequence[str]:
        """A few sentences about the class, at least one, each about how it sounds."""
        ...


@runtime_checkable
class Attributing(Protocol):
    """An explainer that can say where its sentences come from."""

    def origin(self, name: str) -> Mapping[str, str]:
        """For the record: `by`, and whatever else there is to say, as `model` and `prompt`; never a credential.

        `by` is `template` where nothing but the class's name was used.
        """
        ...


@runtime_checkable
class Sink(Protocol):
    """Takes messages elsewhere: a file, a broker. It runs in a thread of its own behind a bounded queue."""

    def take(self, message: Message) -> None:
        """Deliver one message; an exception is logged and counted."""
        ...

    def close(self) -> None:
        """Finish what was taken and let go of everything."""
        ...


@runtime_checkable
class Hearing(Protocol):
    """A sink that wants the sound too: every window, before the messages that it leads to."""

    def hear(self, window: Window) -> None:
        """Called in the same thread as `take`. Sound never goes over the bus."""
        ...
