"""Training of W_c, W_p and W_f with everything else frozen (eq. 22)."""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from mgcld.model.contrast import Explanations, Fusion, coarse_contrast
from mgcld.model.head import Head, head_of
from mgcld.model.options import MethodOptions
from mgcld.model.parts import Contrasts, Parts, Similarities, cache_logits, centre_of, cohesions, contrast_logits, total
from mgcld.model.solved import solved_left_out, solved_logits, solved_values
from mgcld.model.within import within_of
from mgcld.training.adam import Adam
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

    `mask` takes the keys of a shot's own recording out of the cache; the only recording of its class would then see no
    key of its class at all, so for it the whole cache is left out.
    """
    masked = None if options.self_match == "keep" else material.itself
    near = Similarities(
        *(within_of(own, material.values, options.within)(own) for own in (material.near.coarse, material.near.fine))
    )
    alike = cohesions(near, material.values, options, masked)
    coarse, fine = cache_logits(near, material.values, alike, options, masked)
    if masked is None:
        solved = solved_logits(near, solved_values(near, material.values, options), options)
        return coarse + solved[0], fine + solved[1]
    coarse = coarse + solved_left_out(near, material.values, options, masked)
    has_sibling = (material.recordings_per_class[material.labels] > 1)[:, None]
    return coarse * has_sibling, fine * has_sibling


def training(
    fusion: Fusion, material: Material, explanations: Explanations, options: MethodOptions
) -> Iterator[tuple[int, float]]:
    """Full-batch Adam on cross entropy, in place; yields (steps done, loss before them), without end."""
    cache = training_cache(material, options)
    weights = [fusion.w_c.weight] if options.tied else list(fusion.parameters())
    begin = [weight.detach().clone() for weight in weights]
    optimiser = Adam(weights, options.learning_rate)
    done = 0
    while True:
        contrast = _training_contrast(fusion, material, explanations, options)
        logits = options.temperature * total(Parts(*cache, contrast.coarse, contrast.fine), options)
        loss = torch.nn.functional.cross_entropy(logits, material.labels)
        yield done, float(loss.detach())
        if options.decay:
            drift = [((weight - first) ** 2).sum() for weight, first in zip(weights, begin, strict=True)]
            loss = loss + options.decay * torch.stack(drift).sum()
        optimiser.step(loss)
        done += 1


def _training_contrast(
    fusion: Fusion, material: Material, explanations: Explanations, options: MethodOptions
) -> Contrasts:
    """Of the shots; where the fine maps follow the coarse one, the coarse contrast stands in for the fine."""
    if options.tied:
        coarse = coarse_contrast(fusion.coarse(material.keys.coarse, material.caption), explanations, options)
        found = Contrasts(coarse, coarse)
    else:
        found = contrast_logits(fusion, material.keys, material.caption, explanations, options)
    return found.against(centre_of(found, material.values, options))


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


@torch.no_grad()
def head(fusion: Fusion, material: Material, explanations: Explanations, options: MethodOptions) -> Head:
    """What answers with these weights and these shots."""
    if options.tied:
        fusion.tie()
    return head_of(fusion, explanations, material.keys, material.caption, material.values, material.near, options)
