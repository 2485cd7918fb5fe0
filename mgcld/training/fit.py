"""Training of W_c, W_p and W_f with everything else frozen (eq. 22)."""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from mgcld.model.contrast import Explanations, Fusion
from mgcld.model.options import MethodOptions
from mgcld.model.parts import Parts, cache_logits, contrast_logits, total
from mgcld.training.material import Material

SEED = 2024


def new_fusion(alignment: Float[Tensor, "audio text"], options: MethodOptions) -> Fusion:
    """Where training begins: at the encoder's alignment, or at random from a fixed seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        fusion = Fusion(*alignment.shape).to(alignment.device)
    return fusion.align(alignment, options.audio_share) if options.initialisation == "aligned" else fusion


def training_cache(material: Material, options: MethodOptions) -> tuple[Tensor, Tensor]:
    """The cache's constant part of the training logits, (shots, classes) for each grain.

    `mask` takes a shot's own key out of the cache; the only shot of its class would then see no key of its class at
    all, so for it the whole cache is left out.
    """
    if options.self_match == "keep":
        return cache_logits(material.near, material.values, options)
    coarse, fine = cache_logits(material.near, material.values, options, material.itself)
    has_sibling = (material.shots_per_class[material.labels] > 1)[:, None]
    return coarse * has_sibling, fine * has_sibling


def training(
    fusion: Fusion, material: Material, explanations: Explanations, options: MethodOptions
) -> Iterator[tuple[int, float]]:
    """Full-batch Adam on cross entropy, in place; yields (steps done, loss before them), without end."""
    cache = training_cache(material, options)
    begin = [weight.detach().clone() for weight in fusion.parameters()]
    optimiser = torch.optim.Adam(fusion.parameters(), lr=options.learning_rate)
    done = 0
    while True:
        contrast = contrast_logits(fusion, material.keys, material.caption, explanations, options)
        logits = total(Parts(*cache, *contrast), options)
        loss = torch.nn.functional.cross_entropy(logits, material.labels)
        drift = sum(((weight - first) ** 2).sum() for weight, first in zip(fusion.parameters(), begin, strict=True))
        yield done, float(loss.detach())
        optimiser.zero_grad()
        (loss + options.decay * drift).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        done += 1


def trained(
    alignment: Float[Tensor, "audio text"], material: Material, explanations: Explanations, options: MethodOptions
) -> Fusion:
    """W_c, W_p and W_f after `options.steps` steps, frozen."""
    fusion = new_fusion(alignment, options)
    if options.steps and material.classes > 1:  # one class alone has nothing to be told from
        for done, _ in training(fusion, material, explanations, options):
            if done == options.steps:
                break
    return fusion.requires_grad_(False)
