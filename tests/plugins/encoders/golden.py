"""Numbers that the shipped weights gave of a few fixed sounds and texts on the day when they came.

`python tests/plugins/encoders/golden.py` writes them anew; they change with the weights. The reference implementation
in `../shared/mini` knows one network, no effects and another profile of tags: what it hears beside those is compared.
"""

import importlib.util
import json
from pathlib import Path
from typing import Any

import torch
from mgcld_plugins.encoders._mini_file import read_weights
from mgcld_plugins.encoders.mini import WEIGHTS, MiniEncoder
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

REFERENCE = Path(__file__).parents[4] / "shared" / "mini"
FILE = Path(__file__).with_name("golden.json")
TEXTS = ("the sound of a dog barking", "Türklingel, 2 × kurz!", "rain", "", "zzxqv \N{SNOWMAN}", "a " * 50)
SAMPLES = 80_000


def sounds() -> Tensor:
    """(3, 80000): a swept tone, knocks in noise, and silence."""
    t = torch.arange(SAMPLES, dtype=torch.float64) / 16_000
    sweep = 0.4 * torch.sin(2 * torch.pi * (200 * t + 150 * t**2))
    numbers = [1]
    for _ in range(SAMPLES - 1):
        numbers.append(numbers[-1] * 48_271 % 2_147_483_647)
    noise = torch.tensor(numbers, dtype=torch.float64) / 2_147_483_647 - 0.5
    knocks = noise * (0.02 + torch.exp(-40 * (t % 0.7)))
    return torch.stack([sweep, knocks, torch.zeros(SAMPLES)]).float()


def picked(fine: Tensor, weights: Tensor, coarse: Tensor, tags: Tensor, text: Tensor) -> dict[str, Any]:
    """A few hundred numbers of them all."""
    return {
        "fine": fine[:, ::5, ::43].tolist(),
        "weights": weights.tolist(),
        "coarse": coarse[:, ::21].tolist(),
        "tags": tags[:, ::17].tolist(),
        "text": text[:, ::19].tolist(),
    }


def first_alone(folder: Path) -> Path:
    """The first of the shipped networks in a file of its own."""
    with safe_open(WEIGHTS, "pt") as file:
        notes = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys() if kept(name)}  # noqa: SIM118
    config = json.loads(notes["config"])
    config["nets"] = config["nets"][:1]
    save_file(tensors, folder / "one.safetensors", notes | {"config": json.dumps(config)})
    return folder / "one.safetensors"


def kept(name: str) -> bool:
    """Whether a tensor is not another network's."""
    return name.startswith("audio.0.") or not name.startswith("audio.")


def as_the_reference_reads_it(weights: Path) -> Path:
    """The same without effects; the profile of tags is a stand-in."""
    tensors, notes = read_weights(weights)
    profile = {"text.profile": tensors["tags.axes"]}
    named = {name.replace("audio.0.", "audio."): t for name, t in tensors.items() if ".effects." not in name}
    named = profile | {name: t for name, t in named.items() if name.startswith(("audio.", "text."))}
    config = json.loads(notes["config"])
    net = {name: value for name, value in config["nets"][0].items() if name != "effects"}
    config |= {"net": net, "weights": [1 / 3] * 3, "tag_share": 0.0}
    there = weights.with_name("three.safetensors")
    save_file({name: t.contiguous() for name, t in named.items()}, there, notes | {"config": json.dumps(config)})
    return there


def reference(weights: Path) -> Any:
    """The reference implementation, loaded."""
    spec = importlib.util.spec_from_file_location("reference_mini", REFERENCE / "mini.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Mini(str(weights))


def main() -> None:
    """Write the golden file."""
    mini = MiniEncoder("cpu")
    heard = mini.embed_audio(sounds(), torch.full((3,), SAMPLES))
    assert heard.tags is not None
    numbers = picked(heard.fine, heard.weights, heard.coarse, heard.tags, mini.embed_text(TEXTS))
    rounded = json.loads(json.dumps(numbers), parse_float=lambda digits: round(float(digits), 7))
    FILE.write_text(json.dumps(rounded, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
