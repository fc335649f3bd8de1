# make run [ARGS="optimizer=adamw seed=1"]    trains; make test checks and tests (make test-quick: part of the
# tests, for every commit); make docs builds the site into docs/_build; make bench measures beside other tools
# (three hours; make bench-quick: some minutes). Each sets up .venv first.

PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: run test test-quick check format docs draw bench bench-quick clean

run: .venv/ready
	$(BIN)/python -m mlp_exp.run $(ARGS)

test: check
	$(BIN)/python -m pytest $(ARGS)

test-quick: check
	$(BIN)/python -m pytest --quick $(ARGS)

check: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: .venv/dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# a warning, as of a dead link or a reference to nothing, fails the build
docs: .venv/dev
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going -b html docs docs/_build
	@echo docs/_build/index.html

# figures and screenshots of the site, of runs that it trains
draw: .venv/dev
	$(BIN)/python docs/draw.py

bench: .venv/bench
	$(BIN)/python benchmarks/run.py $(ARGS)

bench-quick: .venv/bench
	$(BIN)/python benchmarks/run.py --quick $(ARGS)

# constraints.txt holds exact versions, so that every install is the same
.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(INSTALL) --editable .
	@touch $@

.venv/dev: .venv/ready
	$(INSTALL) --editable '.[dev]'
	@touch $@

.venv/bench: .venv/ready
	$(INSTALL) --editable '.[bench]'
	@touch $@

clean:
	rm -rf .venv
