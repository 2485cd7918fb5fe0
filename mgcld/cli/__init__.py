"""The command line: one file a command, and one place where an error becomes a message and an exit code."""


def main() -> None:
    """Run `mgcld`."""
