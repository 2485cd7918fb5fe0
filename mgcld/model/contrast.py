"""The multi-grained contrast between fused audio and the explanations of each class (eq. 13-20)."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mgcld.model.options import MethodOptions
from mgcld.model.transport import cosines, transported_similarity

SMALLEST_WEIGHT = 1e-4
"""Similarities are clamped to this before they become weights, since eq. 14 is no weighting when signs mix."""


@dataclass(frozen=True, slots=True, eq=False)
class Explanations:
    """What each class sounds like, embedded; classes may have different numbers of sentences."""

    rows: Float[Tensor, "classes sentences text"]
    """Unit rows; zeros behind a class's last sentence."""
    weights: Float[Tensor, "classes sentences"]
    """1 / (the class's number of sentences), 0 for padding."""

    def to(self, device: str) -> "Explanations":
        """The same explanations on another device."""
        return Explanations(self.rows.to(device), self.weights.to(device))


class Fusion(nn.Module):
    """W_c, W_p and W_f: linear, without bias, the only weights that are trained."""

    def __init__(self, audio_dim: int, text_dim: int) -> None:
        super().__init__()
        self.w_c = nn.Linear(audio_dim + text_dim, text_dim, bias=False)
        self.w_p = nn.Linear(audio_dim + text_dim, text_dim, bias=False)
        self.w_f = nn.Linear(text_dim, text_dim, bias=False)

    @torch.no_grad()
    def align(self, alignment: Float[Tensor, "audio text"], audio_share: float) -> "Fusion":
        """Begin at R_fu = g (R_a aligned) + (1 - g) R_t."""
        caption = (1 - audio_share) * torch.eye(alignment.shape[1], device=alignment.device)
        begin = torch.cat([audio_share * alignment, caption]).T
        self.w_c.weight.copy_(begin)
        self.w_p.weight.copy_(begin)
        self.w_f.weight.copy_(torch.eye(alignment.shape[1]))
        return self

    @torch.no_grad()
    def tie(self) -> "Fusion":
        """Let the fine maps follow the coarse one."""
        self.w_p.weight.copy_(self.w_c.weight)
        self.w_f.weight.copy_(torch.eye(len(self.w_f.weight)))
        return self

    def coarse(
        self, audio: Float[Tensor, "batch audio"], caption: Float[Tensor, "batch text"]
    ) -> Float[Tensor, "batch text"]:
        """R^c_fu = W_c(concat(R^c_a, R_t)) (eq. 13)."""
        fused: Tensor = self.w_c(torch.cat([audio, caption], dim=-1))
        return fused

    def fine(
        self, segments: Float[Tensor, "batch segments audio"], caption: Float[Tensor, "batch text"]
    ) -> Float[Tensor, "batch segments text"]:
        """f_i = W_f W_p(concat(a_i, R_t)) (eq. 17)."""
        audio, text = self.w_p.weight[:, : segments.shape[-1]], self.w_p.weight[:, segments.shape[-1] :]
        # The caption is the same beside every segment: one product for it is enough.
        joined = nn.functional.linear(segments, audio) + nn.functional.linear(caption, text)[:, None]
        fused: Tensor = self.w_f(joined)
        return fused


def coarse_contrast(
    fused: Float[Tensor, "batch text"], explanations: Explanations, options: MethodOptions
) -> Float[Tensor, "batch classes"]:
    """Late weighted similarity: Σ w_i sim_i over a class's sentences (eq. 14-16)."""
    sim = torch.einsum("bt,cst->bcs", torch.nn.functional.normalize(fused.float(), dim=-1), explanations.rows.float())
    return (salience(sim, explanations.weights, options) * sim).sum(-1)


def salience(
    sim: Float[Tensor, "batch classes sentences"],
    weights: Float[Tensor, "classes sentences"],
    options: MethodOptions,
) -> Float[Tensor, "batch classes sentences"]:
    """w_i = sim_i / Σ sim_k (eq. 14), made safe: clamped, or a softmax; sums to 1, padding has none."""
    if options.salience == "softmax":
        return (sim / options.salience_temperature + weights.log()).softmax(-1)
    positive = sim.clamp_min(SMALLEST_WEIGHT) * (weights > 0)
    return positive / positive.sum(-1, keepdim=True)


def fine_contrast(
    fused: Float[Tensor, "batch segments text"],
    mass: Float[Tensor, "batch segments"],
    explanations: Explanations,
    options: MethodOptions,
) -> Float[Tensor, "batch classes"]:
    """Sim_OT between a window's fused segments and each class's sentences (eq. 18, 19)."""
    classes = len(explanations.rows)
    return transported_similarity(
        cosines(fused, explanations.rows),
        mass[:, None].expand(-1, classes, -1),
        explanations.weights[None].expand(len(fused), -1, -1),
        epsilon=options.epsilon,
        iterations=options.iterations,
        tolerance=options.tolerance,
        gradient=options.plan_gradient,
    )
