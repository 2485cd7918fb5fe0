"""mgcld hears the world and says what it hears: few-shot sound recognition as a daemon."""

__version__ = "0.1.0"
