"""Makes the pool of windows that the encoder learns from, shard by shard; it may go on while the training reads.

PYTHONPATH=tools python -m train_mini.pool --corpus CORPUS --corpus ESC10 --teacher yamnet.tflite --seed 0 POOL
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import torch
from mgcld_plugins.encoders._mini_audio import LogMel

from . import clips
from .clips import Clip
from .licences import may_be_published
from .mixing import Mixer
from .teacher import Both, Teacher

SHARD = 512
"""Windows in a shard."""
TEST_FOLD = "5"


def main() -> None:
    """Read the clips, then write shards."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pool", type=Path)
    parser.add_argument("--corpus", type=Path, action="append", required=True, help="folder of clips; may be repeated")
    parser.add_argument("--teacher", type=Path, required=True, help="YAMNet's TFLite file")
    parser.add_argument("--seed", type=int, default=0, help="one for each process that writes into the pool")
    parser.add_argument("--hybrids", type=float, default=0.45, help="share of windows that are two clips crossed")
    parser.add_argument("--shards", type=int, default=60)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="start no further shard after so long")
    wish = parser.parse_args()
    torch.set_num_threads(1)
    material = clips.read(wish.corpus, usable)
    print(f"{len(material)} clips, {sum(len(clip.samples) for clip in material) / 16_000 / 3600:.2f} h", flush=True)
    begin, teacher = time.monotonic(), Both(wish.teacher)
    for number in range(wish.shards):
        path = wish.pool / f"{wish.seed:02d}-{number:04d}.npz"
        if path.exists():
            continue
        if time.monotonic() - begin > 60 * wish.minutes:
            break
        random = np.random.default_rng([wish.seed, number])
        write(path, material, Mixer(material, random, wish.hybrids), teacher, SHARD)
        print(f"{path.name} after {time.monotonic() - begin:.0f} s", flush=True)


def usable(row: dict[str, str]) -> bool:
    """Licences that may be published, and never ESC-10's test fold."""
    return may_be_published(row["license"]) and row.get("fold") != TEST_FOLD


def write(path: Path, material: list[Clip], mixer: Mixer, teacher: Teacher, windows: int) -> None:
    """One shard: frames, what the teachers hear, and the loudest clip's number, recording, text and share."""
    mixtures = [mixer() for _ in range(windows)]
    lessons = [teacher.hear(mixture.window) for mixture in mixtures]
    log_mel = LogMel()
    frames = [log_mel(torch.from_numpy(mixture.window)[None])[0].half().numpy() for mixture in mixtures]
    sources = [material[mixture.clip] if mixture.clip >= 0 else None for mixture in mixtures]
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("wb") as file:
        np.savez(
            file,
            frames=np.stack(frames),
            features=np.stack([lesson.features for lesson in lessons]).astype(np.float16),
            tags=np.stack([lesson.tags for lesson in lessons]).astype(np.float16),
            effects=np.stack([lesson.effects for lesson in lessons]).astype(np.float16),
            recordings=np.array([source.original if source else "" for source in sources]),
            texts=np.array([source.text if source else "" for source in sources]),
            shares=np.array([mixture.share for mixture in mixtures], np.float32),
        )
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


if __name__ == "__main__":
    main()
