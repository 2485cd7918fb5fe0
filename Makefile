# make run     the demo: sounds, training, the daemon with its live table
# make test    the whole test suite; of which a part: make test ARGS="tests/audio -x" (what pytest takes)
# make check   style, types, layers
# make soak    the daemon for an hour beside sources that never rest; or make soak ARGS="--windows 100000"
# make parity  the encoders against the packages that they were written after
# make clean   remove everything that make has made
#
# Everything is installed into .venv, once, and again when pyproject.toml changes. Another Python: make PYTHON=python3.12

PYTHON := python3
ARGS :=
BIN := .venv/bin
PIP_INSTALL = $(BIN)/python -m pip install --disable-pip-version-check

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
# An environment that is active around us must not lead pip or Python elsewhere.
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME PYTHONSAFEPATH PIP_TARGET PIP_PREFIX PIP_USER
# Tests start us some two hundred times; each start is a tenth dearer where no bytecode is kept.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run soak test check parity clean

help:
	@sed -n 's/^# make/make/p' Makefile

run: demo/adapter.safetensors
	@# On a terminal, a process group of its own: Ctrl-C ends the daemon, and make reports how it ended.
	@if [ -t 0 ]; then set -m; fi; $(BIN)/mgcld run -c config/demo.yaml; exit $$?

test: .venv/installed-for-tests
	@tools/system-packages
	@# Many tests wait for sound, so more run beside each other than there are cores; a file stays in one process.
	@exec $(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder $(ARGS)

soak: .venv/installed-for-tests demo/adapter.safetensors
	@exec $(BIN)/python tests/faults/soak.py $(ARGS)

check: .venv/installed-for-tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy mgcld plugins
	$(BIN)/lint-imports

parity: .venv/installed-for-tests
	@tools/parity/run $(BIN)/python

clean:
	rm -rf .venv .parity demo build dist *.egg-info .*_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

demo/adapter.safetensors: demo/soundscape.json plugins/encoders/mini.safetensors
demo/adapter.safetensors: $(wildcard mgcld/model/*.py mgcld/training/*.py plugins/encoders/*.py plugins/captioners/*.py)
	@exec $(BIN)/mgcld train --shots demo/support -o $@

demo/soundscape.json: $(wildcard mgcld/demo/*.py) | .venv/installed
	@exec $(BIN)/mgcld demo demo

.venv/installed: pyproject.toml
	@tools/environment $(PYTHON)
	$(PIP_INSTALL) --editable .
	@touch $@

.venv/installed-for-tests: pyproject.toml
	@tools/environment $(PYTHON)
	$(PIP_INSTALL) --editable '.[test]'
	@touch .venv/installed $@
