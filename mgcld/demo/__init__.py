"""Sounds of our own: a generator that the demo and the tests share."""
