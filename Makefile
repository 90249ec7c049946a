# make report   compute the default study on this machine and render it as an HTML book
# make test     run the tests
PYTHON ?= python3
STUDY ?= quick
OUT ?= runs/$(STUDY)
BIN := .venv/bin

.PHONY: report test lint tiny lock clean

report: .venv/installed
	$(BIN)/illusion sweep $(STUDY) --out $(OUT)
	$(BIN)/illusion report $(OUT)

test: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# A random model through the whole pipeline, into a book whose warnings are errors.
tiny: .venv/installed
	$(BIN)/illusion sweep tiny --out runs/tiny
	$(BIN)/illusion report runs/tiny

.venv/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

# Solve all versions anew from pyproject.toml and constraints.in.
lock:
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --constraint constraints.in '.[dev]'
	(echo '# Made by `make lock` from pyproject.toml and constraints.in.'; \
	 .venv-lock/bin/python -m pip freeze --exclude illusion-lib | sed 's/+cpu$$//') > constraints.txt
	rm -rf .venv-lock

clean:
	rm -rf runs build .pytest_cache .mypy_cache .ruff_cache
