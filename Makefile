# Cortex: what one types. `make` alone says what there is; every target is safe to repeat.

SWIFT ?= swift
PREFIX ?= /usr/local
DESTDIR ?=
# Line coverage of the targets, in per cent, below which `make coverage` fails.
COVERAGE_FLOOR ?= 90
# More words for pytest, for example PYTEST_ARGS="-k stdio -x".
PYTEST_ARGS ?=

BINARY := .build/release/cortex
VENV := .venv
# Says that the Python packages are installed; it goes when the environment goes.
CLIENTS := $(VENV)/.clients
# Without this `swift test` compiles every module again, and so does the next `swift build`.
SAME_MODULES := --disable-testable-imports
# pip and python3 of the project's own environment come first: Debian's own refuse to install anything.
WITH_VENV := PATH="$(CURDIR)/$(VENV)/bin:$$PATH"

.DEFAULT_GOAL := help
.PHONY: help run setup model build test test-swift test-clients clients lint format coverage bench-smoke release \
	check-release completions install uninstall clean

help: ## Say what each target does.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: build ## Set up, build, and show Cortex at work.
	@$(BINARY) quickstart

setup: ## Install what is missing (Debian packages by name; Python packages into .venv).
	@SWIFT="$(SWIFT)" scripts/setup.sh

model: setup ## Fetch the embedding model that goes into the binary (once).
	@if [ -x scripts/fetch-model.sh ]; then $(WITH_VENV) scripts/fetch-model.sh; \
	else echo "model: scripts/fetch-model.sh is not in this checkout; the binary will hold no model"; fi

build: model ## Build .build/release/cortex and .build/release/Bench.
	@echo "build: $(SWIFT) build -c release"
	@$(SWIFT) build -c release

test: test-swift test-clients ## Run every test.

test-swift: build
	@echo "test: $(SWIFT) test -c release"
	@$(SWIFT) test -c release $(SAME_MODULES)

test-clients: build clients
	@echo "test: Python clients against $(BINARY)"
	@CORTEX_BINARY="$(CURDIR)/$(BINARY)" $(VENV)/bin/python -m pytest -q -p no:cacheprovider Tests/Clients $(PYTEST_ARGS)

# What the client tests need beside the binary; quick when it is there.
clients: $(CLIENTS)
	@scripts/ecosystem-venv.sh
	@$(VENV)/bin/python scripts/fetch-qdrant-openapi.py

$(CLIENTS): Tests/Clients/requirements.txt | setup
	@# The shells whose completions are tested.
	@SWIFT="$(SWIFT)" scripts/setup.sh zsh fish
	@echo "setup: pip install -r Tests/Clients/requirements.txt into $(VENV)"
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r Tests/Clients/requirements.txt
	@touch $@

lint: ## Check the layout of the Swift code; silent when all is well.
	@$(SWIFT) format lint --strict --recursive --parallel Sources Tests Package.swift

format: ## Lay the Swift code out as the linter wants it.
	@$(SWIFT) format --in-place --recursive --parallel Sources Tests Package.swift

coverage: build clients ## Measure line coverage; fail below COVERAGE_FLOOR.
	@SWIFT="$(SWIFT)" scripts/coverage.sh "$(COVERAGE_FLOOR)"

bench-smoke: build ## Run every benchmark on a tiny data set, so that none of them rots.
	@scripts/bench-smoke.sh

release: model ## Build dist/cortex: one file with the model, SQLite, BLAS and the Swift runtime inside.
	@SWIFT="$(SWIFT)" scripts/build-release.sh

check-release: release ## Run dist/cortex in a bare Debian without network.
	@scripts/check-release.sh

completions: build ## Write the shell completions to .build/completions.
	@scripts/completions.sh $(BINARY) .build/completions

# The file that `make build` leaves needs the toolchain's libraries; the one of `make release` needs none.
install: release ## Install the command and its completions under PREFIX (/usr/local).
	@scripts/completions.sh dist/cortex .build/completions
	@scripts/install.sh install dist/cortex .build/completions "$(DESTDIR)$(PREFIX)"

uninstall: ## Remove what `make install` installed under PREFIX.
	@scripts/install.sh uninstall "$(DESTDIR)$(PREFIX)"

clean: ## Remove what was built; the fetched model stays.
	@rm -rf .build .build-static dist $(VENV) $(VENV)-ecosystem
