"""Adam by PyTorch's own function: its class would load PyTorch's compiler, for longer than a small training takes."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim.adam import adam


class Adam:
    """`torch.optim.Adam` with its usual betas, fused, to the bit; `rate` is its learning rate."""

    def __init__(self, weights: Sequence[Tensor], rate: float) -> None:
        self._weights, self._rate = list(weights), rate
        self._means, self._squares = ([torch.zeros_like(weight) for weight in weights] for _ in range(2))
        self._done = [torch.zeros((), device=weight.device) for weight in weights]

    def step(self, loss: Tensor) -> None:
        """Move the weights, in place, to where the scalar `loss` is less."""
        # The fused step reads memory as it lies: a slope that is one number for all would be read as many.
        slopes = [slope.contiguous() for slope in torch.autograd.grad(loss, self._weights)]
        with torch.no_grad():
            adam(
                self._weights,
                slopes,
                self._means,
                self._squares,
                [],
                self._done,
                amsgrad=False,
                beta1=0.9,
                beta2=0.999,
                lr=self._rate,
                weight_decay=0.0,
                eps=1e-8,
                maximize=False,
                fused=True,  # one pass over the weights: a quarter of the time
            )
