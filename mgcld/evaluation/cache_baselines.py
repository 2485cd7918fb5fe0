"""Tip-Adapter (Zhang et al., ECCV 2022) and Treff-adapter (Liang et al., 2023): a cache of shots beside zero-shot.

Both add the evidence of the shots to zero-shot logits, `scale * cos(audio, text)`. The scale of CLIP's or CLAP's
training belongs to their features; here it comes from the support set. Where shots can be left out (K > 1), what is
chosen is what names left-out shots with the least cross entropy. With one shot, the scale is the one under which
zero-shot alone has the least cross entropy on the shots (text never saw them); the rest are published defaults.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cross_entropy

from mgcld.evaluation.baselines import Logits
from mgcld.evaluation.tasks import Tasks

Each = Float[Tensor, " tasks"]
SCALES = tuple(2.0**power for power in range(8))
"""Of zero-shot: 1 to 128; CLIP's is 100, that of MS-CLAP 2023 is 33."""
TIP_ALPHAS = tuple(2.0 ** (power / 2) for power in range(-4, 15))
TIP_BETAS = (1.0, 2.0, 3.5, 5.5, 8.0, 12.0)
TIP_USUAL = (1.17, 1.0)
"""α and β of Tip-Adapter's configuration for ImageNet, where nothing can be left out."""
TIP_STEPS, TIP_RATE = 20, 1e-3
TREFF_ALPHA, TREFF_BETA = 1.0, 5.5
TREFF_STEPS, TREFF_RATE = 20, 1e-4
ADAM_EPSILON = 1e-4
"""Of AdamW, in both."""


def tip_adapter(tasks: Tasks) -> Logits:
    """Training-free: `scale * zero-shot + α exp(-β (1 - cos)) V`."""
    scale, alpha, beta = _tip_choice(tasks)
    cached = _cache(tasks.queries @ tasks.shots.mT, tasks, beta)
    return _wide(scale) * tasks.spoken(tasks.queries, tasks.sentences) + _wide(alpha) * cached


def tip_adapter_f(tasks: Tasks) -> Logits:
    """The keys are trained: 20 epochs of AdamW at 1e-3 with a cosine schedule, the shots meeting their own keys.

    The last epoch is taken; the published code takes the best one on its test set.
    """
    scale, alpha, beta = _tip_choice(tasks)
    keys = tasks.shots.clone().requires_grad_(True)
    text = _wide(scale) * tasks.spoken(tasks.shots, tasks.sentences)

    def answers(audio: Tensor, zero_shot: Tensor) -> Tensor:
        return zero_shot + _wide(alpha) * _cache(audio @ keys.mT, tasks, beta)

    _train([keys], lambda: answers(tasks.shots, text), tasks, TIP_STEPS, TIP_RATE)
    with torch.no_grad():
        return answers(tasks.queries, _wide(scale) * tasks.spoken(tasks.queries, tasks.sentences))


def treff(tasks: Tasks) -> Logits:
    """Training-free: α = 1, β = 5.5 as published."""
    return _treff(tasks, steps=0)


def treff_trained(tasks: Tasks) -> Logits:
    """CALM: `cos` becomes `q W Wᵀ s`, W from the identity, α from 1; AdamW at 1e-4, 20 full-batch epochs, cosine."""
    return _treff(tasks, steps=TREFF_STEPS)


def _treff(tasks: Tasks, *, steps: int) -> Logits:
    beta = torch.full((len(tasks.shots),), TREFF_BETA)
    scale, _, _ = _chosen(tasks, SCALES, (TREFF_ALPHA,), (TREFF_BETA,))
    weight = torch.eye(tasks.shots.shape[2]).repeat(len(tasks.shots), 1, 1).requires_grad_(steps > 0)
    alpha = torch.full((len(tasks.shots),), TREFF_ALPHA).requires_grad_(steps > 0)
    text = _wide(scale) * tasks.spoken(tasks.shots, tasks.sentences)

    def answers(audio: Tensor, zero_shot: Tensor) -> Tensor:
        attention = (audio @ weight) @ (tasks.shots @ weight).mT
        return zero_shot + _wide(alpha) * _cache(attention, tasks, beta)

    _train([weight, alpha], lambda: answers(tasks.shots, text), tasks, steps, TREFF_RATE)
    with torch.no_grad():
        return answers(tasks.queries, _wide(scale) * tasks.spoken(tasks.queries, tasks.sentences))


def _train(weights: Sequence[Tensor], answers: Callable[[], Tensor], tasks: Tasks, steps: int, rate: float) -> None:
    """Full batch, one step an epoch, each task for itself: losses are added, and Adam looks at each weight alone."""
    if not steps:
        return
    optimiser = torch.optim.AdamW(weights, lr=rate, eps=ADAM_EPSILON, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        loss = _loss(answers(), tasks).sum()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()


def _cache(near: Tensor, tasks: Tasks, beta: Each, *, left_out: bool = False) -> Tensor:
    """exp(-β (1 - cos)) V; `left_out` takes a shot's own key away, and its siblings then speak for K shots too."""
    affinity = torch.exp(-_wide(beta) * (1 - near))
    if not left_out or tasks.per_class == 1:
        return affinity @ tasks.values
    others = affinity.masked_fill(tasks.itself, 0.0) @ tasks.values
    return torch.where(tasks.values > 0, others * tasks.per_class / (tasks.per_class - 1), others)


def _tip_choice(tasks: Tasks) -> tuple[Each, Each, Each]:
    if tasks.per_class == 1:
        return _chosen(tasks, SCALES, TIP_USUAL[:1], TIP_USUAL[1:])
    return _chosen(tasks, SCALES, TIP_ALPHAS, TIP_BETAS)


def _chosen(
    tasks: Tasks, scales: Sequence[float], alphas: Sequence[float], betas: Sequence[float]
) -> tuple[Each, Each, Each]:
    """(scale, α, β) of least cross entropy on left-out shots; with one shot a class, of zero-shot on the shots."""
    text = tasks.spoken(tasks.shots, tasks.sentences)
    near = tasks.shots @ tasks.shots.mT
    choices, losses = [], []
    for beta in betas:
        cached = _cache(near, tasks, torch.full((len(near),), beta), left_out=True)
        if tasks.per_class == 1:
            cached = torch.zeros_like(text)
        for alpha in alphas:
            for scale in scales:
                choices.append((scale, alpha, beta))
                losses.append(_loss(scale * text + alpha * cached, tasks))
    best = torch.tensor(choices)[torch.stack(losses).argmin(0)]
    return best[:, 0], best[:, 1], best[:, 2]


def _loss(logits: Float[Tensor, "tasks shots classes"], tasks: Tasks) -> Each:
    """Cross entropy of each task."""
    labels = tasks.labels.expand(len(logits), -1)
    return cross_entropy(logits.mT, labels, reduction="none").mean(1)


def _wide(each: Each) -> Tensor:
    return each[:, None, None]
