"""Probabilities into events: pure, without sockets, threads or clocks of its own."""
