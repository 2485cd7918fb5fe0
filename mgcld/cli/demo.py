"""`mgcld demo`: sounds to try it out with."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    folder: Annotated[Path, typer.Argument(help="Where to write them.")] = Path("demo"),
    seed: Annotated[int, typer.Option(help="Other seeds make other variations.")] = 0,
) -> None:
    """Write a support set and a soundscape, generated, to train from and to listen to."""
    from mgcld.demo.scene import write_demo

    truth = write_demo(folder, seed=seed)
    names = sorted({part.name for part in truth if part.name})
    print(f"wrote {folder}/support ({', '.join(names)}), {folder}/soundscape.flac and what it holds, soundscape.json")
    print(f"go on with: mgcld train --shots {folder}/support && mgcld run --source demo={folder}/soundscape.flac")
