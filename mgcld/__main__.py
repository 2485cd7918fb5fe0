"""`python -m mgcld` is `mgcld`."""

from mgcld.cli import main

if __name__ == "__main__":
    main()
