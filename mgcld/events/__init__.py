"""Probabilities into events: pure, without sockets, threads or clocks of its own.

`rules` say when a class counts as heard, `past` and `tally` are the evidence, `track` is one class at one source,
`place` is one source with its gaps, and `decider` is all of them.
"""

from .decider import Decider
from .rules import Rule, Rules

__all__ = ["Decider", "Rule", "Rules"]
