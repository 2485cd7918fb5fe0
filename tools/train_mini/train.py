"""Trains the student on a pool, for so many minutes of wall-clock time; stopped, it goes on where it was."""

import argparse
import math
import os
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from . import together
from .batches import Batch, Pool
from .losses import SHARES, Losses
from .prepare import load
from .student import CHANNELS, Student, audio_half, begun_from, channels_of

WARM_UP_STEPS, STEADY = 150, 0.3
"""The rate rises over the first steps, is steady for a share of the time, then falls as a cosine."""
WEIGHT_DECAY, LARGEST_GRADIENT, LARGEST_SCALE = 0.03, 5.0, 4.2
AVERAGED_OVER = 300  # steps
GROW_STEPS, LOG_STEPS, CHECK_WINDOWS = 100, 50, 256


def main() -> None:
    """Train, write a checkpoint every few minutes and at the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pool", type=Path)
    parser.add_argument("prepared", type=Path)
    parser.add_argument("checkpoint", type=Path, help="written every few minutes; goes on from it where it exists")
    parser.add_argument("--begin-from", type=Path, help="an earlier checkpoint, or the first network of a weights file")
    parser.add_argument("--minutes", type=float, required=True, help="length of the whole schedule")
    parser.add_argument("--every", type=float, default=4, help="minutes between checkpoints")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--segments", type=int, help="learn from so many segments of each window: faster")
    parser.add_argument("--channels", type=int, nargs=5, help="of the stem and the four blocks of a new network")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--check", default="", help="shards whose names start so are kept aside for a check")
    parser.add_argument("--seed", type=int, default=0)
    wish = parser.parse_args()
    torch.set_num_threads(wish.threads)
    torch.manual_seed(wish.seed)
    chosen = "cuda" if torch.cuda.is_available() else "cpu"
    together.join()
    Training(wish, torch.device(chosen if wish.device == "auto" else wish.device)).run()
    together.part()


class Training:
    """The student, its average, the optimiser and the clock."""

    def __init__(self, wish: argparse.Namespace, device: torch.device) -> None:
        self._wish, self._device = wish, device
        prepared = load(wish.prepared)
        self._pool = Pool(wish.pool, prepared.names, prepared.whitening, wish.seed + together.RANK, wish.check)
        self._pool.grow()
        self._aside = _aside(wish, prepared.names, prepared.whitening)
        student: Any = Student(channels=_channels(wish))  # Any: torch's `to` does not know the memory format
        self.student: Any = student.to(device, memory_format=torch.channels_last)
        self._losses = Losses(prepared.meaning.to(device), prepared.effects.to(device)).to(device)
        self._optimiser = _optimiser(self.student, self._losses, wish.rate)
        self._steps, self._before, self._seen = 0, 0.0, 0
        self._average = AveragedModel(self.student, avg_fn=_averaged, use_buffers=True)
        self._restore()
        self._parameters = [*self.student.parameters(), self._losses.scales]
        together.agree([*self.student.state_dict().values(), *self._average.state_dict().values()])

    def run(self) -> None:
        """Until the time is up."""
        begin = saved = time.monotonic()
        sums: dict[str, float] = {}
        spent = self._before
        while spent < 60 * self._wish.minutes:
            terms = self._step(spent / (60 * self._wish.minutes))
            spent = together.average(self._parameters, self._before + time.monotonic() - begin)
            self._follow()
            sums = {name: sums.get(name, 0.0) + float(term) / LOG_STEPS for name, term in terms.items()}
            if self._steps % LOG_STEPS == 0:
                self._tell("train", spent, sums)
                sums = {}
            if self._steps % GROW_STEPS == 0:
                self._pool.grow()
            if time.monotonic() - saved > 60 * self._wish.every:
                saved = time.monotonic()
                self._save(spent)
        self._save(60 * self._wish.minutes)

    def _step(self, progress: float) -> dict[str, Tensor]:
        rate = self._wish.rate * min(1.0, (self._steps + 1) / WARM_UP_STEPS) * _schedule(progress)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        terms = self._terms(self.student.train(), self._pool.draw(self._wish.batch, self._wish.segments))
        loss = sum(SHARES[name] * term for name, term in terms.items())
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[union-attr]  # a sum of tensors is a tensor
        return {name: term.detach() for name, term in terms.items()}

    def _follow(self) -> None:
        """The gradient, once all processes have the same."""
        nn.utils.clip_grad_norm_(self.student.parameters(), LARGEST_GRADIENT)
        self._optimiser.step()
        self._losses.scales.data.clamp_(0, LARGEST_SCALE)
        self._average.update_parameters(self.student)
        self._steps, self._seen = self._steps + 1, self._seen + self._wish.batch * together.WORLD

    def _terms(self, student: nn.Module, batch: Batch) -> dict[str, Tensor]:
        batch = batch.to(self._device)
        with torch.autocast(self._device.type, torch.bfloat16):
            heard = student(batch.frames)
        terms: dict[str, Tensor] = self._losses(heard, batch)
        return terms

    def _save(self, spent: float) -> None:
        """Whole or not at all; then the terms on what was kept aside."""
        if together.RANK:
            return
        state = {
            "student": self.student.state_dict(), "average": self._average.state_dict(),
            "losses": self._losses.scales.data, "optimiser": self._optimiser.state_dict(),
            "steps": self._steps, "seconds": spent, "seen": self._seen,
        }  # fmt: skip
        unfinished = self._wish.checkpoint.with_suffix(".unfinished")
        with unfinished.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self._wish.checkpoint)
        if self._aside:
            with torch.no_grad():
                self._tell("check", spent, self._terms(self._average.module.eval(), self._aside))

    def _restore(self) -> None:
        again, first = self._wish.checkpoint, self._wish.begin_from
        if again.exists():
            state = torch.load(again, map_location=self._device, weights_only=True)
            self.student.load_state_dict(state["student"])
            self._average.load_state_dict(state["average"])
            self._losses.scales.data.copy_(state["losses"])
            self._optimiser.load_state_dict(state["optimiser"])
            self._steps, self._before, self._seen = state["steps"], state["seconds"], state["seen"]
        elif first and first.suffix == ".safetensors":
            frames = self._pool.batch(list(range(min(CHECK_WINDOWS, len(self._pool.places))))).frames
            self.student.load_state_dict(begun_from(audio_half(first)[0], frames).state_dict())
            self._average.module.load_state_dict(self.student.state_dict())
        elif first:
            state = torch.load(first, map_location=self._device, weights_only=True)
            self._average.load_state_dict(state["average"])
            self.student.load_state_dict(self._average.module.state_dict())
            self._losses.scales.data.copy_(state["losses"])
            self._average.n_averaged.zero_()

    def _tell(self, what: str, spent: float, terms: dict[str, Any]) -> None:
        if together.RANK:
            return
        told = "  ".join(f"{name} {float(term):.3f}" for name, term in terms.items())
        windows = len(self._pool.places)
        print(f"{what} {spent:.0f} s  step {self._steps}  seen {self._seen}  pool {windows}  {told}", flush=True)


def _channels(wish: argparse.Namespace) -> tuple[int, ...]:
    """Of what the run goes on from, or else as wished."""
    for path in (wish.checkpoint, wish.begin_from):
        if path and path.suffix == ".safetensors":
            return channels_of(audio_half(path)[0])
        if path and path.exists():
            return channels_of(torch.load(path, map_location="cpu", weights_only=True)["student"])
    return tuple(wish.channels or CHANNELS)


def _averaged(average: Tensor, new: Tensor, count: Tensor) -> Tensor:
    """An exponential mean that is short at first, so that it soon forgets the random start."""
    keep = torch.clamp((count + 1) / (count + 12), max=1 - 1 / AVERAGED_OVER)
    return average.lerp(new, 1 - keep.to(average.dtype)) if average.is_floating_point() else new


def _schedule(progress: float) -> float:
    if progress < STEADY:
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (progress - STEADY) / (1 - STEADY))) + 0.005


def _optimiser(student: nn.Module, losses: Losses, rate: float) -> torch.optim.Optimizer:
    matrices = [each for each in student.parameters() if each.ndim > 1]
    rest = [*(each for each in student.parameters() if each.ndim <= 1), losses.scales]
    groups = [{"params": matrices, "weight_decay": WEIGHT_DECAY}, {"params": rest, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.99))


def _aside(wish: argparse.Namespace, names: list[str], whitening: Any) -> Batch | None:
    if not wish.check:
        return None
    pool = Pool(wish.pool, names, whitening, wish.seed, only=wish.check)
    pool.grow()
    return pool.batch(list(range(min(CHECK_WINDOWS, len(pool.places)))))


if __name__ == "__main__":
    main()
