# `make` alone explains every target. Nothing outside this folder is changed.

# Python 3.11 or later, with its venv module; the environment can be put elsewhere with VENV=…
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install run test bench growth siege check clean

help: ## explain every target
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

install: $(INSTALLED) ## make .venv with the package in it, and what tests and checks need

# Made anew only when what is to be installed has changed, so that every other target may ask for it.
$(INSTALLED): setup.cfg pyproject.toml packetserver/__init__.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test,check]'
	@touch $@

run: install ## serve http://127.0.0.1:8080; on first use make the database and its user admin
	@mkdir -p var
	$(BIN)/packetserver init-db --with-admin
	$(BIN)/packetserver serve

test: install ## run the tests, on SQLite and on PostgreSQL
	$(BIN)/pytest --numprocesses logical --maxprocesses 8 --dist loadgroup

bench: install ## measure against a floor of its own, on both databases; BENCH=--quick, or --help
	PYTHONPATH=tests $(BIN)/python -W ignore:XDG_RUNTIME_DIR tests/bench/bench.py $(BENCH)

growth: install ## measure what a record costs from ten to a million, and who waits meanwhile
	PYTHONPATH=tests $(BIN)/python -W ignore:XDG_RUNTIME_DIR tests/bench/growth.py $(GROWTH)

siege: install ## try to stop a server with slow, many and greedy clients; SIEGE=--help
	PYTHONPATH=tests:tests/bench $(BIN)/python -W ignore:XDG_RUNTIME_DIR tests/siege/siege.py $(SIEGE)

check: install ## look for faults without running: ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict packetserver wsgi.py
	$(BIN)/lint-imports

clean: ## remove what was made here, except var/ with its database
	rm -rf $(VENV) build dist *.egg-info .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find packetserver schemas tests -name __pycache__ -type d -prune -exec rm -rf {} +
