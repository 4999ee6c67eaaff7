# One door for everything. `make` alone lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help install run test check audit fuzz sbom bench chaos database soak storm ha capacity lock

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

install: $(VENV)/.ok ## create .venv and install what running needs

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "GMBot needs Python 3.11 or newer; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "Creating a virtual environment failed. On Debian or Ubuntu: apt-get install python3-venv"; exit 1; }

$(VENV)/.ok: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.ok
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	@touch $@

run: $(VENV)/.ok ## start GMBot: the real bot with BOT_TOKEN, else the simulator and its page; ARGS='--port 8082'
	@$(BIN)/python -m bot $(if $(BOT_TOKEN)$(BOT_TOKEN_FILE),serve,demo) $(ARGS)

test: $(VENV)/.dev ## the whole test suite, with coverage
	@scripts/test-all $(BIN)

check: $(VENV)/.dev ## lint, types, import contracts, specs and fast tests
	@scripts/check $(BIN)

bench: $(VENV)/.dev ## measure everything and write docs/PERFORMANCE.md; exit 1 when a target is missed; ARGS=--quick
	@status=0; $(BIN)/python -m bot.utils.benchmark --json docs/performance/benchmark.json $(ARGS) || status=$$?; \
		$(BIN)/python -m tests.benchmarks.performance docs/performance/benchmark.json && exit $$status

chaos: $(VENV)/.dev ## kill instances, servers and Telegram under load, then fuzz; ARGS='--seconds 1200' for long
	@status=0; $(BIN)/python -m tests.faults.chaos $(ARGS) || status=$$?; \
		$(BIN)/python -m tests.faults.fuzz $(FUZZ) && exit $$status

fuzz: $(VENV)/.dev ## feed a million broken updates, requests and buttons to what reads them; ARGS='--inputs 10000' for fewer
	@$(BIN)/python -m tests.faults.fuzz $(ARGS)

audit: $(VENV)/.dev ## look for known holes in what is locked; fails for what it cannot look up (needs the network)
	@$(BIN)/pip-audit --strict --require-hashes --disable-pip --progress-spinner off -r requirements.lock

sbom: $(VENV)/.dev ## write sbom.json, a CycloneDX list of what is locked
	@$(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --of JSON -o sbom.json requirements.lock

database: $(VENV)/.dev ## measure and explain every statement and write docs/DATABASE.md; ARGS=--large
	@$(BIN)/python -m bot.utils.db_optimizer --page docs/DATABASE.md $(ARGS)

soak: $(VENV)/.dev ## minutes of load with every update accounted for; FULL=1 for two hours
	@$(BIN)/python -m tests.faults.soak $(if $(FULL),--full) $(ARGS)

storm: $(VENV)/.dev ## answer every third call to Telegram with 429 for a minute; FULL=1 for five
	@$(BIN)/python -m tests.faults.storm $(if $(FULL),--seconds 300) $(ARGS)

ha: $(VENV)/.dev ## minutes with several instances and servers that fail, each held against its ceiling; ARGS='--only scaling'
	@$(BIN)/python -m tests.ha $(ARGS)

capacity: $(VENV)/.dev ## measure what work costs and what is stored, and write docs/CAPACITY.md
	@$(BIN)/python -m tests.benchmarks.capacity

lock: ## renew the lock files (needs uv)
	uv pip compile pyproject.toml --extra embedded --group build --universal --generate-hashes --no-strip-extras --no-emit-index-url --custom-compile-command 'make lock' -o requirements.lock
	uv pip compile pyproject.toml --extra embedded --extra otel --group build --group dev --universal --generate-hashes --no-strip-extras --no-emit-index-url --custom-compile-command 'make lock' -c requirements.lock -o requirements-dev.lock
