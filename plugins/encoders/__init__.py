"""Frozen audio-language models."""
