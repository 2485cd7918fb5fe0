"""Writes weights of mini anew, to be heard at the pitches of `export`: mini-3.2 is mini-3.1 at three pitches."""

import argparse
import json
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file

from .export import PITCHES, VERSION


def main() -> None:
    """Read, change the notes, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("written", type=Path)
    wish = parser.parse_args()
    with safe_open(wish.weights, "pt") as file:
        notes = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    config = json.dumps(json.loads(notes["config"]) | {"pitches": PITCHES})
    save_file(tensors, wish.written, notes | {"config": config, "version": VERSION})


if __name__ == "__main__":
    main()
