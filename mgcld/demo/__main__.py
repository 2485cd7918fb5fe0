"""`python -m mgcld.demo FOLDER` writes the demo without the daemon."""

import argparse
import sys
from pathlib import Path

from mgcld.demo.scene import write_demo
from mgcld.errors import MgcldError


def main() -> int:
    """Write the demo; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m mgcld.demo", description="Write a support set and a soundscape.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--classes", type=int, default=6)
    parser.add_argument("--shots", type=int, default=5, help="recordings of each class")
    parser.add_argument("--seed", type=int, default=0)
    wish = parser.parse_args()
    try:
        truth = write_demo(wish.folder, classes=wish.classes, shots=wish.shots, seed=wish.seed)
    except MgcldError as error:
        print(f"{error}\n{error.help}", file=sys.stderr)
        return error.exit_code
    print(f"{wish.folder}: support/ and a soundscape of {truth[-1].end_seconds:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
