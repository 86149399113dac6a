# Everything a clone needs beside python3 (3.11 or later), git and make is installed by these targets, into .venv and
# .uv. A target installs again only when pyproject.toml or uv.lock has changed.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash

UV := $(or $(shell command -v uv 2>/dev/null),.uv/bin/uv)
BIN := .venv/bin
# Test processes. Not WORKERS: functions-framework would take that for its own.
PROCESSES ?= 2
DEMO ?=
TESTS ?= tests
# What `make install-check` runs: the chart, an installation of it, its rights, images and Terraform.
INSTALLATION := tests/knative tests/infrastructure tests/packaging tests/e2e/test_installed.py tests/e2e/test_least_privilege.py

FUZZ ?= tests/hostile/test_requests.py
CHAOS ?=
BENCH ?=

.PHONY: help setup demo test install-check sbom audit chaos fuzz bench check format lint types imports generated generate clean

help:
	@echo 'make setup      prepare .venv, with .venv/bin/infraforge in it'
	@echo 'make demo       the example claims, the whole way (DEMO="--data-dir DIR" for a sandbox elsewhere)'
	@echo 'make test       the whole suite (TESTS=tests/cli for a part)'
	@echo 'make install-check   a part of it: chart, installation, least privilege, images, Terraform'
	@echo 'make sbom       what the images install, as CycloneDX JSON (make audit: what of it is known to be vulnerable)'
	@echo 'make chaos      every fault there is a test for, and the table (CHAOS=--short for the form of make check)'
	@echo 'make fuzz       ten thousand hostile requests to every endpoint'
	@echo 'make bench      ratios against baselines of the same run (BENCH=--quick for a look)'
	@echo 'make check      what CI runs: format, lint, types, import rules, generated files, tests'
	@echo 'make generate   write generated files again'
	@echo 'make format     format the code and mend what the linter can'
	@echo 'make clean      remove .venv, .uv and caches; sandboxes stay'

setup: .venv/.installed

demo: .venv/.installed
	@$(BIN)/infraforge demo $(DEMO)

# A file stays on one worker, so that the sandboxes of the end-to-end tests are started once.
test: .venv/.infrastructure
ifeq ($(TESTS),tests)
	$(MAKE) --no-print-directory install-check
	$(BIN)/pytest tests $(INSTALLATION:%=--ignore=%) -q -n $(PROCESSES) --dist loadfile
else
	$(BIN)/pytest $(TESTS) -q -n $(PROCESSES) --dist loadfile
endif

install-check: .venv/.infrastructure
	$(BIN)/pytest $(INSTALLATION) -q -n $(PROCESSES) --dist loadfile
	@$(BIN)/python -m tests.knative.figures

sbom: | $(UV)
	@mkdir -p dist && bash .ci/sbom dist/sbom.cdx.json && echo 'wrote dist/sbom.cdx.json'

audit: | $(UV)
	@bash .ci/audit

chaos: .venv/.installed
	$(BIN)/python -m tests.chaos $(CHAOS)

fuzz: .venv/.installed
	$(BIN)/pytest $(FUZZ) -q -s --hypothesis-profile=fuzz

bench: .venv/.installed
	@$(BIN)/python -m benchmarks $(BENCH)

check: lint types imports generated test
	$(BIN)/python -m tests.chaos --short

lint: .venv/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: .venv/.installed
	$(BIN)/mypy

imports: .venv/.installed
	$(BIN)/lint-imports

generated: .venv/.installed
	$(BIN)/infraforge crds --check knative/files/crds
	$(BIN)/infraforge reference --check docs/reference

generate: .venv/.installed
	$(BIN)/infraforge crds --write knative/files/crds
	$(BIN)/infraforge reference --write docs/reference

format: .venv/.installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv .uv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

# UV_PROJECT_ENVIRONMENT: an environment that happens to be active is none of our business.
.venv/.installed: pyproject.toml uv.lock | $(UV)
	@echo 'Installing the locked environment into .venv …'
	@env -u VIRTUAL_ENV UV_PROJECT_ENVIRONMENT=.venv $(UV) sync --quiet --locked --all-extras --compile-bytecode
	@touch $@

# The same, and what only tests of the infrastructure need.
.venv/.infrastructure: pyproject.toml uv.lock | $(UV)
	@echo 'Installing what the tests need into .venv …'
	@env -u VIRTUAL_ENV UV_PROJECT_ENVIRONMENT=.venv $(UV) sync --quiet --locked --all-extras --group infrastructure --compile-bytecode
	@touch .venv/.installed $@

# uv comes through pip. Debian ships python3 without pip (and without what venv needs), so there are four ways to it.
.uv/bin/uv:
	@bash .ci/uv
