# Every target works on a fresh clone: what it needs, it installs into .venv first.
.DEFAULT_GOAL := help
.PHONY: help run security test lint crash fuzz soak format dashboard kafka lock clean

# PYTHON=... is the Python of .venv, 3.11 or 3.12; without it one is found, or downloaded. To set
# .venv up, any Python from 3.8 on will do.
BIN := .venv/bin
SETUP_PYTHON = $(or $(shell for python in python3.12 python3.11 python3 '$(PYTHON)'; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 8))' 2>/dev/null \
	&& echo $$python && break; done),$(error $(NO_PYTHON)))
NO_PYTHON := there is no Python 3.8 or newer with venv and pip: install one (on Debian and Ubuntu \
	apt install python3-venv), or name one with make PYTHON=...
SETUP = $(SETUP_PYTHON) -m bootstrap --python '$(PYTHON)'

help: ## Show the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

.PHONY: packages dev-packages
packages:
	@$(SETUP) run

dev-packages:
	@$(SETUP) dev

run: packages ## Run everything on this machine: Kafka, sample logins, the flow, the report
	@exec $(BIN)/python -m quickstart

security: packages ## Run the security flow for the Kafka in KAFKA_BOOTSTRAP_SERVERS (make run has its own)
	@mkdir -p .local/security
	@FLOW=dataflows.security PATH="$(CURDIR)/$(BIN):$$PATH" exec sh deploy/run-flow.sh .local/security

# The tests that need no Kafka.
QUICK := tests/unit tests/flow tests/fuzz
PYTEST := $(BIN)/python -m pytest

.PHONY: check style
check: style ## Check style and types, and run the tests that need no Kafka: under two minutes
	@$(PYTEST) -n 2 --dist loadfile $(QUICK)

# Much of the time these wait for a process to start or to end, so two cores are enough for four
# files at a time. In their order, as the long ones come first; each side has its own Kafka.
test: lint check ## Check style and types, then run every test, with a Kafka of their own
	@$(PYTEST) -n 4 --dist loadfile --no-loadscope-reorder $(QUICK:%=--ignore=%)

lint: style ## Check style, types and packages
	@$(BIN)/python -m tests.audit

style: dev-packages
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy .

MINUTES ?= 20
soak: dev-packages ## Run the flow for long, restart it, and watch its memory and lag: make soak MINUTES=n
	@exec $(BIN)/python -m tests.soak --minutes $(MINUTES)

.PHONY: bench bench-quick profile
bench: dev-packages ## Compare the CPU of a login with the client library's and other processors'
	@exec $(BIN)/python -m benchmarks

bench-quick: dev-packages ## Compare with the client library only, in under two minutes
	@exec $(BIN)/python -m benchmarks.quick

profile: dev-packages ## Show where the time of a login goes
	@exec $(BIN)/python -m benchmarks.profile

format: dev-packages ## Format the code and mend what the linter can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

dashboard: packages ## Serve the live page on http://127.0.0.1:8080 until Ctrl-C
	@exec $(BIN)/python -m dashboard

SECONDS := 60
fuzz: dev-packages ## Fuzz decode, enrich and encode for SECONDS (Linux)
	@$(BIN)/python -m tests.fuzz.decode -max_total_time=$(SECONDS)

SEEDS ?= 30
crash: dev-packages ## Kill, stop and rescale the flow at random, and check it: make crash SEEDS=n
	@exec $(BIN)/python -m tests.crash --seeds $(SEEDS)

kafka: packages ## Run a local Kafka on port 29092 until Ctrl-C
	@exec $(BIN)/python -m local_kafka

.PHONY: docs
# Never --quiet: with it warnings, and so broken links, would pass.
docs: dev-packages ## Build the documentation site into .local/site, and check its links
	@$(BIN)/mkdocs build --strict

.PHONY: contracts
contracts: packages ## Write the contracts with other programs anew, into docs/contracts
	@$(BIN)/python -m contracts

N := 2
.PHONY: cluster rescale
cluster: packages ## Run the flow as N processes on this machine until Ctrl-C: make cluster N=2
	@exec $(BIN)/python -m cluster $(N)

rescale: packages ## Drain the cluster that runs on this machine, and go on with N: make rescale N=4
	@$(BIN)/python -m cluster $(N) --rescale

lock: ## Pin the newest versions of the packages in requirements*.in
	@$(SETUP) lock

clean: ## Remove the virtual environment and all local state, Kafka's data among it
	@rm -rf .venv .local .mypy_cache .ruff_cache .pytest_cache .hypothesis
