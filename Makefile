# One word per action. Every option can be given to make (`make e2e CLUSTER=mine ENGINE=static ARGS='-k rebuild'`).

CLUSTER ?= firedrill
ENGINE ?= reference
WORKERS ?= 2
ARGS ?=
KUBERNETES ?=
VOLSYNC ?=
RUN ?=

PYTHON := .venv/bin/python
# Made last: an installation that was cut short is begun again. The interpreter itself is a link to the machine's own.
VENV := .venv/complete
IMAGES ?= auto
VERSIONS := --images $(IMAGES) $(if $(KUBERNETES),--kubernetes $(KUBERNETES)) $(if $(VOLSYNC),--volsync $(VOLSYNC))
PYTEST := $(PYTHON) -m pytest
DRILLS := $(PYTEST) -n $(WORKERS) $(VERSIONS)
# Tests take from milliseconds to seconds: whoever is done takes over from the other.
UNIT := $(PYTEST) tests --ignore tests/hostpath --ignore tests/registry -n $(WORKERS) --dist worksteal -q
# What the reference controller is asked in `make test`; all scenarios of `make test` are asked of the static engine.
OF_REFERENCE := e2e/test_fresh_install.py e2e/test_rebuild.py e2e/test_guard.py

# pytest ends with 5 where it has nothing to run: whoever chooses tests may have chosen none of these.
UNLESS_CHOSEN := $(if $(ARGS),|| test $$? -eq 5)

.DEFAULT_GOAL := help
.PHONY: help e2e test check up down status bench bench-controller report judge lock clean

help: ## this list
	@echo "make e2e     bring everything up, run every scenario, print the table of verdicts"
	@echo "make test    check, the CSI driver against csi-sanity, a scenario of each kind, on a cluster of its own"
	@echo "make check   lint, types and unit tests (no cluster)"
	@echo "make up      the cluster with all components; again when it is up: a few seconds"
	@echo "             (make up ENGINE=reference: with the reference controller as well)"
	@echo "make status  what is there and what is not"
	@echo "make down    remove the cluster, its stores and its files, and nothing else"
	@echo "make bench   times of each phase, printed and written to runs/bench.json"
	@echo "make bench-controller  what the controller costs at 100, 1,000 and 10,000 claims, without a cluster:"
	@echo "             admission, cold start, memory, writes at rest; printed and written to runs/bench-controller.json"
	@echo "make report  make the page of an earlier run again: make report RUN=runs/..."
	@echo "make judge   judge an earlier run again, without a cluster: make judge RUN=runs/..."
	@echo "make clean   remove every cluster of firedrill, the images built here, the cache, .venv and runs/"
	@echo
	@echo "Options: CLUSTER=name ENGINE=reference KUBERNETES=v1.36.3 VOLSYNC=v0.16.0 IMAGES=auto WORKERS=2 ARGS='any pytest options'"
	@echo "Environment: IMAGES_MIRROR=registry.example/path has copies of released images (docs/images.md)"
	@echo "pytest options of firedrill: $(PYTEST) --help, section firedrill"

e2e: $(VENV) ## the main job
	$(DRILLS) e2e --engine $(ENGINE) --cluster $(CLUSTER) $(ARGS)

test: $(VENV) ## everything, on a cluster of its own, which is removed when all has passed
	$(PYTHON) -m fixtures prepare $(VERSIONS)
	$(MAKE) --no-print-directory check
	$(PYTEST) tests/hostpath tests/registry
	$(DRILLS) e2e -m "not thorough" --engine static --cluster $(CLUSTER)-test $(ARGS)
	$(DRILLS) $(OF_REFERENCE) -m "not thorough" -k "not cluster" --engine reference --cluster $(CLUSTER)-test $(ARGS) $(UNLESS_CHOSEN)
	$(UNIT) -m built
	$(PYTHON) -m fixtures down --cluster $(CLUSTER)-test

check: $(VENV)
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(UNIT) -m "not built"

# What an engine needs is brought up where somebody typed ENGINE=, and left alone otherwise.
up down status: $(VENV)
	@$(PYTHON) -m fixtures $@ --cluster $(CLUSTER) $(VERSIONS) \
		$(if $(filter command,$(firstword $(origin ENGINE))),--engine $(ENGINE))

bench: $(VENV)
	@$(PYTHON) -m fixtures.bench --cluster $(CLUSTER) $(VERSIONS)

bench-controller: $(VENV)
	@$(PYTHON) -m fixtures.costs $(if $(KUBERNETES),--kubernetes $(KUBERNETES)) $(if $(VOLSYNC),--volsync $(VOLSYNC)) $(ARGS)

report judge: $(VENV)
	@test -n "$(RUN)" || \
		{ echo "firedrill: no run is named; make $@ RUN=runs/..., as the last lines of make e2e show it"; exit 2; }
	@$(PYTHON) -m fixtures.$(if $(filter report,$@),page,oracle) $(RUN)

lock: ## install the newest packages that pyproject.toml allows, and pin them
	rm -rf .venv
	python3 -m venv .venv
	.venv/bin/pip install --quiet '.[dev]'
	(echo "# Every package of the environment, pinned. Made by: make lock"; \
		.venv/bin/pip freeze --exclude firedrill) >requirements.lock

clean: $(VENV)
	@$(PYTHON) -m fixtures clean
	rm -rf .venv runs

$(VENV): requirements.lock
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "firedrill needs Python 3.11 or newer; python3 is $$(python3 --version). Put a newer one first on PATH."; exit 2; }
	@echo "firedrill: making a virtual environment in .venv"
	@python3 -m venv .venv || \
		{ echo "firedrill: python3 cannot make one; on Debian and Ubuntu: sudo apt-get install python3-venv"; exit 2; }
	@.venv/bin/pip install --quiet --no-deps --requirement requirements.lock || \
		{ echo "firedrill: the packages of requirements.lock could not be installed, pip says why above; then: make $(MAKECMDGOALS)"; exit 2; }
	@touch $@
