# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

# Where a container forbids it, each of the many processes of a test would compile the whole program again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: docs system servers workers help bench-peers install demo demo-rollback demo-upgrade demo-clean test sweep check lint types walls unit format lock proto tools bench wheel gke-acceptance

help: ## list what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

install: $(STAMP) ## make .venv with everything pinned in requirements.lock

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=python3.12, for example")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the pinned dependencies into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

lock: ## pin dependencies anew (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --group dev --all-extras --quiet pyproject.toml -o requirements.lock

proto: $(STAMP) ## generate the Python code of the bridge's protocol anew
	@$(BIN)/python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. --grpc_python_out=. ws_deployment/clients/bridge/cluster_service.proto

tools: $(STAMP) ## build or find the programs that the lab needs (5 to 10 minutes once)
	@$(BIN)/ws-deployment lab tools

demo: $(STAMP) ## roll out on real control planes, then once more, shifting traffic by the metrics under load
	@$(BIN)/ws-deployment run -c configs/local.yaml --yes
	@$(BIN)/python configs/demo/gated.py
	@$(BIN)/ws-deployment lab prune eu --keep 2 >/dev/null

demo-rollback: $(STAMP) ## the same with a new cluster that falls ill at 50 %: it is turned back (after make demo)
	@$(BIN)/python configs/demo/gated.py --sick
	@$(BIN)/ws-deployment lab prune eu --keep 2 >/dev/null

demo-upgrade: $(STAMP) tools ## plan upgrades of workload clusters, review the diff; apply one, commit one, schedule it
	@PYTHONPATH=tests $(BIN)/python configs/demo/upgrade.py

demo-clean: $(STAMP) ## remove every cluster and process of the lab
	@$(BIN)/ws-deployment lab down

system: ## install what the tests need of Debian's packages (PostgreSQL, HAProxy, ssh-keygen); needs root
	@apt-get update -qq && apt-get install -qq -y --no-install-recommends postgresql haproxy openssh-client

servers: # where one of them is missing and root is ours, get them; without root the tests that need them say what to do
	@{ { command -v initdb || ls /usr/lib/postgresql/*/bin/initdb; } && { command -v haproxy || ls /usr/sbin/haproxy; } && command -v ssh-keygen; } >/dev/null 2>&1 || \
	  { test "$$(id -u)" = 0 && $(MAKE) --no-print-directory system; } || true

workers: $(STAMP) tools servers ## 60 no-op and 6 real clusters, 4 workers killed at random: [SEED=1]
	@SEED="$(or $(SEED),1)" $(BIN)/python -m pytest -s tests/workers/full.py

test: $(STAMP) check tools servers ## everything: check, then the tests on real parts
	@$(BIN)/python -m pytest -m real -n 3 --dist worksteal

sweep: $(STAMP) tools ## kill runs, rollbacks, shifts, retirements and upgrades at every write: [SHARD=1/4] [ONLY="run faults"]; an hour, see docs/sweep.md
	@PYTHONPATH=tests $(BIN)/python -m sweep --folder .sweep --shard $(or $(SHARD),1/1) $(if $(ONLY),--only $(ONLY))

check: $(STAMP) lint types walls unit ## the fast part: lint, types, walls, unit tests

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(STAMP)
	@$(BIN)/mypy

walls: $(STAMP)
	@$(BIN)/lint-imports

unit: $(STAMP)
	@$(BIN)/python -m pytest -m "not real" -n 3

docs: $(STAMP) ## write what is generated from the models; a unit test proves it fresh
	@$(BIN)/python -m ws_deployment.config.reference > docs/config-reference.md.new
	@mv docs/config-reference.md.new docs/config-reference.md
	@$(BIN)/ws-deployment schema > docs/config.schema.json.new
	@mv docs/config.schema.json.new docs/config.schema.json

format: $(STAMP) ## format and fix what can be fixed
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format --quiet .

bench-peers: ## install what the engine is measured beside (pyinfra, dagster) into .venv-bench
	@test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r benches/peers.lock

bench: $(STAMP) tools ## measure; one table, each figure beside its peer
	@$(BIN)/python benches/table.py

wheel: $(STAMP) ## build the wheel into dist/
	@$(BIN)/python -m build --wheel --no-isolation --outdir dist .

gke-acceptance: $(STAMP) ## prove the type gke on Google Cloud: PROJECT=... [ZONE=...]; costs about 0.30 USD
	@PROJECT="$(PROJECT)" ZONE="$(or $(ZONE),europe-west1-b)" $(BIN)/python terraform/gke/acceptance.py
