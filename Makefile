# Every target works on a fresh clone: what it needs, it installs into .venv first.
.DEFAULT_GOAL := help
.PHONY: help run security test lint crash fuzz soak format dashboard kafka lock clean

# bytewax 0.21.1 has wheels for Python up to 3.12.
PYTHON ?= $(shell for python in python3.12 python3.11 python3; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' \
	2>/dev/null && echo $$python && break; done)
BIN := .venv/bin

help: ## Show the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

.venv/installed: requirements.txt requirements-dev.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.12 is needed: install one, or make PYTHON=..."; exit 1; }
	@echo "installing the pinned requirements into .venv (about a minute, once)"
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

run: .venv/installed ## Run everything on this machine: Kafka, sample logins, the flow, the report
	@exec $(BIN)/python -m quickstart

security: .venv/installed ## Run the security flow beside make run: alerts on login-alerts
	@mkdir -p .local/security
	@FLOW=dataflows.security PATH="$(CURDIR)/$(BIN):$$PATH" exec sh deploy/run-flow.sh .local/security

# Two files at a time, in their order, as the long ones come first; each side has its own Kafka.
test: lint ## Check style and types, then run every test, with a Kafka of their own
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: .venv/installed ## Check style, types and packages
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy .
	@$(BIN)/python -m tests.audit

MINUTES ?= 20
soak: .venv/installed ## Run the flow for long, restart it, and watch its memory and lag: make soak MINUTES=n
	@exec $(BIN)/python -m tests.soak --minutes $(MINUTES)

.PHONY: bench bench-quick profile
bench: .venv/installed ## Compare the CPU of a login with the client library's and other processors'
	@exec $(BIN)/python -m benchmarks

bench-quick: .venv/installed ## Compare with the client library only, in under two minutes
	@exec $(BIN)/python -m benchmarks.quick

profile: .venv/installed ## Show where the time of a login goes
	@exec $(BIN)/python -m benchmarks.profile

format: .venv/installed ## Format the code and mend what the linter can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

dashboard: .venv/installed ## Serve the live page on http://127.0.0.1:8080 until Ctrl-C
	@exec $(BIN)/python -m dashboard

SECONDS := 60
fuzz: .venv/installed ## Fuzz decode, enrich and encode for SECONDS (Linux)
	@$(BIN)/python -m tests.fuzz.decode -max_total_time=$(SECONDS)

SEEDS ?= 30
crash: .venv/installed ## Kill, stop and rescale the flow at random, and check it: make crash SEEDS=n
	@exec $(BIN)/python -m tests.crash --seeds $(SEEDS)

kafka: .venv/installed ## Run a local Kafka on port 29092 until Ctrl-C
	@exec $(BIN)/python -m local_kafka

.PHONY: docs
# Never --quiet: with it warnings, and so broken links, would pass.
docs: .venv/installed ## Build the documentation site into .local/site, and check its links
	@$(BIN)/mkdocs build --strict

.PHONY: contracts
contracts: .venv/installed ## Write the contracts with other programs anew, into docs/contracts
	@$(BIN)/python -m contracts

N := 2
.PHONY: cluster rescale
cluster: .venv/installed ## Run the flow as N processes on this machine until Ctrl-C: make cluster N=2
	@exec $(BIN)/python -m cluster $(N)

rescale: .venv/installed ## Drain the cluster that runs on this machine, and go on with N: make rescale N=4
	@$(BIN)/python -m cluster $(N) --rescale

COMPILE := $(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock"

lock: .venv/installed ## Pin the requirements anew from the short lists in requirements*.in
	@$(COMPILE) requirements.in -o requirements.txt
	@$(COMPILE) -c requirements.txt requirements-dashboard.in -o requirements-dashboard.txt
	@$(COMPILE) -c requirements-dashboard.txt requirements-dev.in -o requirements-dev.txt

clean: ## Remove the virtual environment and all local state, Kafka's data among it
	@rm -rf .venv .local .mypy_cache .ruff_cache .pytest_cache .hypothesis
