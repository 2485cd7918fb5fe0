"""`mgcld`, and `python -m mgcld`: the command line, and what Ctrl-C means while it still loads."""

import sys


def main() -> None:
    """Run `mgcld`; interrupted, a daemon has done its duty (0), anything else has not (130)."""
    try:
        from mgcld.cli import main as command_line  # a third of a second in which Ctrl-C must not show a traceback

        command_line()
    except KeyboardInterrupt:
        sys.exit(0 if sys.argv[1:2] == ["run"] else 130)


if __name__ == "__main__":
    main()
