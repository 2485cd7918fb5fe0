"""Sounds of our own: a generator that the demo and the tests share."""

from mgcld.demo.scene import Truth, load_truth, write_demo
from mgcld.demo.sounds import BACKGROUNDS, NAMES, synthesise

__all__ = ["BACKGROUNDS", "NAMES", "Truth", "load_truth", "synthesise", "write_demo"]
