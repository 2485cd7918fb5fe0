import subprocess
import sys

import torch

from mgcld.training.adam import Adam

SCRIPT = """
import sys, torch
from mgcld.training.adam import Adam
weight = torch.ones(3, requires_grad=True)
Adam([weight], 0.1).step(weight.sum())
print(round(float(weight.sum()), 3), "torch._dynamo" in sys.modules)
"""


def test_it_is_pytorchs_to_the_bit() -> None:
    draw = torch.Generator().manual_seed(0)
    ours = [torch.randn(3, 4, generator=draw, requires_grad=True), torch.randn(2, generator=draw, requires_grad=True)]
    theirs = [weight.detach().clone().requires_grad_() for weight in ours]
    steps, reference = Adam(ours, 0.03), torch.optim.Adam(theirs, lr=0.03, fused=True)
    for _ in range(25):
        steps.step(((ours[0] - 1) ** 2).sum() * ours[1].cos().sum())
        reference.zero_grad()
        (((theirs[0] - 1) ** 2).sum() * theirs[1].cos().sum()).backward()
        reference.step()
    assert all(torch.equal(*pair) for pair in zip(ours, theirs, strict=True))


def test_it_does_not_load_the_compiler() -> None:
    command = [sys.executable, "-c", SCRIPT]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=110)
    assert result.stdout.split() == ["2.7", "False"]
