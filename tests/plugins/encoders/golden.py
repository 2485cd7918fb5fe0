"""Numbers that the shipped weights gave of a few fixed sounds and texts on the day when they came.

`python tests/plugins/encoders/golden.py` writes them anew; they change with the weights. The reference implementation
in `../shared/mini` knows no effects and another profile of tags: only what it hears beside those is compared.
"""

import importlib.util
import json
from pathlib import Path
from typing import Any

import torch
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


def as_the_reference_reads_it(folder: Path) -> Path:
    """The shipped weights without effects; the profile of tags is a stand-in."""
    with safe_open(WEIGHTS, "pt") as file:
        notes = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys() if ".effects." not in name}  # noqa: SIM118
    tensors = {name.replace("tags.axes", "text.profile"): tensor for name, tensor in tensors.items()}
    del tensors["tags.centre"], tensors["tags.spread"]
    config = json.loads(notes["config"])
    del config["net"]["effects"]
    config |= {"weights": [1 / 3] * 3, "tag_share": 0.0}
    save_file(tensors, folder / "three.safetensors", notes | {"config": json.dumps(config)})
    return folder / "three.safetensors"


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
