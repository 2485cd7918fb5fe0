"""`mgcld`, and `python -m mgcld`: the command line, and what Ctrl-C means while it still loads."""

import os
import signal
import sys


def main() -> None:
    """Run `mgcld`; interrupted, a daemon has done its duty (0), anything else has not (130)."""
    if sys.argv[1:2] == ["run"] and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda *_: os._exit(0))  # libraries that load make other things of an exception
    try:
        from mgcld.cli import main as command_line  # a third of a second in which Ctrl-C must not show a traceback

        command_line()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
