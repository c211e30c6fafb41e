# Every target makes its own environment: a fresh machine needs Python 3.11+ and make, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= driftbound-out
TALLY ?= .tally.jsonl
RUNS ?= 20
export OMP_NUM_THREADS ?= 1

.PHONY: verify test flakes thorough mutation trust check bench bench-table browser notebooks figures clean
.DEFAULT_GOAL := verify

$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "driftbound needs Python 3.11 or later; set PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

verify: $(VENV)/.ready
	$(BIN)/driftbound verify --out $(OUT)

test: $(VENV)/.ready
	$(BIN)/python -m pytest -n 2 --dist loadfile

# `make test` again and again, each time with other cases and other draws behind every seed; stops at a failure
flakes: $(VENV)/.ready
	for run in $$(seq $(RUNS)); do HYPOTHESIS_PROFILE=random $(BIN)/python -m pytest -q -n 2 --dist loadfile || exit 1; done

# every test, those too dear for `make test` as well, with other and many more cases; what they count is left for `make trust`
thorough: $(VENV)/.ready
	rm -f $(TALLY)
	DRIFTBOUND_TALLY=$(abspath $(TALLY)) HYPOTHESIS_PROFILE=thorough $(BIN)/python -m pytest -n 2 --dist loadfile -m ""

mutation: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[mutation]'
	$(BIN)/python tests/mutation/mutate.py

trust: $(VENV)/.ready
	$(BIN)/python tests/trust_table.py $(wildcard $(TALLY))

check: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.ready
	$(BIN)/python -m pytest benchmarks -p no:xdist --benchmark-only

# measures in turns with the floor; on a quiet machine
bench-table: $(VENV)/.ready
	$(BIN)/python -m benchmarks.table

# needs an installed Chromium, which continuous integration lacks
browser: $(VENV)/.ready
	$(BIN)/python -m pytest -p no:xdist tests/browser/drive_report.py

notebooks: $(VENV)/.ready
	$(BIN)/python -m pytest tests/notebooks

figures: $(VENV)/.ready
	$(BIN)/python -c 'from pathlib import Path; from numeric.plots import drift_figure, save; save(drift_figure(), Path("docs/drift.png"))'

clean:
	rm -rf $(VENV) $(OUT) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis $(TALLY)
