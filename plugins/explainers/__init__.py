"""Who writes what a class sounds like."""
