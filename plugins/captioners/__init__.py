"""Who writes a sentence about a window."""
