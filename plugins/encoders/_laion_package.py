"""The package `laion_clap`: imported here alone, built without its downloads, filled from a checkpoint safely."""

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mgcld.errors import CheckpointError, ConfigError

from ._state import fill, size, sizes_of_bert, unpickled

WHO = "laion_clap"
INSTALL = "pip install 'mgcld[laion]'"
PREFIX = "module."
AMODELS = {96: "HTSAT-tiny", 128: "HTSAT-base"}
"""The package's names of its audio networks, by the width of their first layer."""
POSITIONS = "text_branch.embeddings.position_ids"
FUSION = "audio_branch.patch_embed.mel_conv2d.weight"
"""What only checkpoints with fusion have."""
WITHOUT = "take one without, as 630k-audioset-best.pt, or the encoder clap with laion/clap-htsat-fused"
SCALAR = np.float64(0).__reduce__()[0]
"""What a numpy scalar is pickled as: the publisher left a few beside the weights. Its module's name has moved once."""
HARMLESS = [
    *((SCALAR, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
    np.dtype,
    *sorted({type(np.dtype(kind)) for kind in ("float64", "float32", "int64", "int32", "bool")}, key=repr),
]


class Package:
    """What is used of the package."""

    def __init__(self) -> None:
        """Import it. Doing so it fetches three tokenizers, which serve its training alone: it does not get them.

        Raises:
            ConfigError: it is not installed, or its libraries do not fit it.
        """
        from transformers import PreTrainedTokenizerBase

        try:
            with _quietly(), _instead(PreTrainedTokenizerBase, "from_pretrained", classmethod(lambda *_, **__: None)):
                from laion_clap.hook import create_model
        except ModuleNotFoundError as error:
            missing = str(error.name).partition(".")[0]
            raise ConfigError(f"{WHO}: {missing!r} is not installed", help=INSTALL) from error
        except Exception as error:  # libraries that it was not made for: another numpy, another torchvision
            named = f"{WHO}: its package cannot be imported: {error}"
            raise ConfigError(named, help=f"{INSTALL}, into an environment of its own") from error
        import clap_module.model  # the package has made it importable by this name

        self._create, self._parts = create_model, clap_module.model

    def network(self, amodel: str, roberta: dict[str, Any]) -> Any:
        """Random weights; `roberta` are the sizes of its text half, which would else be downloaded."""
        with _quietly(), _instead(self._parts, "RobertaModel", _Sized(roberta)):
            made = self._create(amodel, "roberta", precision="fp32", device=torch.device("cpu"), enable_fusion=False)
        return made[0]


def build(package: Package, path: Path) -> Any:
    """The package's network with the weights of one of its `.pt` files, for inference alone, on the CPU.

    Raises:
        CheckpointError: the file does not fit it; names the keys that do not. Or it is one with fusion.
    """
    state = state_of(path)
    if FUSION in state:
        raise CheckpointError(f"{path} is a checkpoint with fusion, which this encoder does not load", help=WITHOUT)
    sizes = sizes_of_bert(state, "text_branch", who=f"{WHO}, {path}")
    width = size(state, "audio_branch.patch_embed.proj.weight", who=f"{WHO}, {path}")
    if width not in AMODELS:
        raise CheckpointError(
            f"{path}: no audio network of width {width} is known", help="HTSAT-tiny and HTSAT-base can be loaded"
        )
    net = package.network(AMODELS[width], sizes)
    positions = torch.arange(sizes["max_position_embeddings"])
    fill(net, state, unneeded={POSITIONS: lambda ids: torch.equal(ids, positions[None])}, who=f"{WHO}, {path}")
    for name in ("spectrogram_extractor", "logmel_extractor"):
        setattr(net.audio_branch, name, _Exact(getattr(net.audio_branch, name)))
    return net.eval().requires_grad_(False)


def state_of(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint by their names in the package's network.

    Raises:
        CheckpointError: it holds none, or more than tensors and numbers.
    """
    checkpoint = unpickled(path, also=HARMLESS)
    state = checkpoint.get("state_dict", checkpoint) if isinstance(checkpoint, dict) else None
    if not isinstance(state, dict) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise CheckpointError(f"{path} holds no `state_dict` of tensors", help="name a .pt file of lukewys/laion_clap")
    return {str(name).removeprefix(PREFIX): tensor for name, tensor in state.items()}


class _Sized:
    """Stands where the package asks for roberta-base, whose weights the checkpoint brings along."""

    def __init__(self, sizes: dict[str, Any]) -> None:
        self._sizes = sizes

    def from_pretrained(self, _: str) -> nn.Module:
        from transformers import RobertaConfig, RobertaModel

        return RobertaModel(RobertaConfig(**self._sizes, layer_norm_eps=1e-5))


class _Exact(nn.Module):
    """The front end keeps float32, whatever the precision of the network: quiet bands lie far below loud ones."""

    def __init__(self, front: nn.Module) -> None:
        super().__init__()
        self.front = front

    def forward(self, sound: Tensor) -> Tensor:
        with torch.autocast(sound.device.type, enabled=False):
            made: Tensor = self.front(sound)
        return made


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """The package is of 2023: what its libraries have to say of that helps nobody here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def _instead(owner: Any, name: str, value: object) -> Iterator[None]:
    before = vars(owner)[name]
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)
