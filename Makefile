# `make` alone lists the targets. Each sets up what it needs in .venv first.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
BROWSER_STAMP := $(VENV)/.browser

# Fuzzing has an environment of its own: its plugins of pytest are not for the tests.
FUZZ_VENV    := .venv-fuzz
FUZZ_BIN     := $(FUZZ_VENV)/bin
FUZZ_STAMP   := $(FUZZ_VENV)/.installed
FUZZ_SECONDS ?= 600
FUZZ_TARGETS := decoders server crowd

# pyenv's are there by PYENV_VERSION=3.11.7:3.12.1:3.13.0, uv's by `uv python install`.
PYTHONS ?= python3.11 python3.12 python3.13

COMPOSE ?= $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose)

.DEFAULT_GOAL := help
.PHONY: help install demo test check format test-slow test-mutations fuzz fuzz-long fuzz-api fuzz-planted test-models test-crash test-cluster test-cluster-kills test-browser test-javascript pictures docs test-docs dist test-dist test-pythons test-docker soak coverage bench-quick bench bench-minari bench-peers serve compose clean

help:           ## list the targets
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /  \1\t/' | expand -t 16

install: $(STAMP)  ## make a virtual environment, install everything, compile the kernels
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[agent,pixels,export,video,tune,wandb,cluster,sb3,torchrl,minari,parquet,dev,docs]'
	$(BIN)/python -c 'import replay_server.memory.table'
	@touch $@

demo: install   ## the main job: a server, a DQN that solves CartPole through it, curve and score
	$(BIN)/agent-client train --env CartPole-v1 --seed 0

test: check     ## everything that CI runs: style, types, import contracts, tests
	$(BIN)/python -m pytest -n 2 --dist loadfile -m 'not slow and not docker and not browser'

check: install  ## style, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install ## put the code into form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test-slow: install ## the tests that take minutes
	$(BIN)/python -m pytest -m slow

test-mutations: install ## mistakes put into the code one by one: does the test beside each notice?
	$(BIN)/python -m tests.mutations

fuzz: $(FUZZ_STAMP) ## bytes that nobody foresaw, FUZZ_SECONDS for each target, then `fuzz-api`
	for target in $(FUZZ_TARGETS); do \
		$(FUZZ_BIN)/python -m tests.fuzz $$target .fuzz/$$target/inputs -max_total_time=$(FUZZ_SECONDS) || exit; \
	done
	$(FUZZ_BIN)/python -m tests.fuzz.api $(FUZZ_SECONDS)

fuzz-long: $(FUZZ_STAMP) ## until a million inputs are done and ten minutes bring nothing new
	for target in $(FUZZ_TARGETS); do \
		$(FUZZ_BIN)/python -m tests.fuzz.long_run $$target .fuzz/$$target/inputs || exit; \
	done

fuzz-api: $(FUZZ_STAMP) ## requests made of the OpenAPI document, to a real server
	$(FUZZ_BIN)/python -m tests.fuzz.api $(FUZZ_SECONDS)

fuzz-planted: $(FUZZ_STAMP) ## bugs planted one by one: does fuzzing find each?
	$(FUZZ_BIN)/python -m tests.fuzz.planted $(FUZZ_SECONDS)

$(FUZZ_STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(FUZZ_VENV)
	$(FUZZ_BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[fuzz]'
	@touch $@

test-models: install ## thousands of random programs beside a slow twin, and mistakes that it must see
	$(BIN)/python -m tests.twin --programs 5000
	$(BIN)/python -m tests.twin --programs 400 --socket
	$(BIN)/python -m tests.twin.mistakes

test-crash: install ## servers killed 200 times under load, crashes and power failures at every write
	$(BIN)/python -m pytest -m slow -s tests/system/test_kills.py tests/replay_server/durability

test-javascript: install ## the client in TypeScript: lint, build, and tests with real servers; needs Node
	cd clients/javascript && npm ci --no-audit --no-fund && REPLAY_PYTHON=$(abspath $(BIN)/python) npm test

test-cluster: install ## a cluster on several nodes of Ray, with shards, gateways and nodes killed
	$(BIN)/python -m pytest -m slow tests/system/test_ray_cluster.py tests/system/test_cluster_kills.py

test-cluster-kills: install ## the same under load for ten minutes, a shard killed every five seconds
	$(BIN)/python -m tests.system.cluster_kills --minutes 10 --every 5

test-browser: $(BROWSER_STAMP) ## the page in a real, headless Chromium, with a real learning run behind it
	$(BIN)/python -m pytest -m browser tests/browser

$(BROWSER_STAMP): $(STAMP)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[browser]'
	$(BIN)/python -m tests.browser.chromium
	@touch $@

docs: install   ## the documents as a site, in docs/_site; fails at anything broken
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet -d docs/_site/.doctrees docs docs/_site

test-docs: install ## what the documents tell a reader to do, with all that takes minutes
	$(BIN)/python -m pytest tests/documents

dist: install   ## the wheel and the sdist, in dist/
	rm -rf dist
	$(BIN)/python -m build

test-dist: install ## both built, installed into an empty environment, and used there
	$(BIN)/python -m pytest -m slow tests/packaging

test-pythons:   ## `make test` under each of PYTHONS that is there, each in an environment of its own
	@for python in $(PYTHONS); do \
		if $$python -c '' 2>/dev/null; \
		then $(MAKE) PYTHON=$$python VENV=.venv-$${python##*/} test || exit; \
		else echo "$$python is not there: left out"; fi; \
	done

pictures: $(BROWSER_STAMP) ## the pictures of the page in docs/pictures
	$(BIN)/python -m tests.browser.pictures

test-docker: install ## the images, built and brought up for real; needs a container engine
	$(BIN)/python -m pytest -m docker tests/docker

soak: install   ## half an hour of steady load on a real server: does anything grow or fail?
	$(BIN)/python -m benchmarks.soak --minutes 30

coverage: install ## branch coverage of the normal tests
	$(BIN)/python -m coverage run -m pytest -m 'not slow and not docker and not browser'
	$(BIN)/python -m coverage report --show-missing

bench-quick: install ## benchmarks in about two minutes: ratios to peers and limits
	$(BIN)/python -m benchmarks --quick

bench: install bench-peers ## every benchmark beside its peers; writes docs/benchmarks.md
	$(BIN)/python -m benchmarks

bench-minari: install ## a million steps of a table go out to Minari and come back: time, size, are they equal?
	$(BIN)/python -m benchmarks.minari_million

bench-peers: .venv-in-process/.installed .venv-reverb/.installed ## environments of the peers
.venv-in-process/.installed:
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet numpy torchrl cpprb tianshou stable-baselines3
	@touch $@
.venv-reverb/.installed: # Linux x86-64 and Python up to 3.11 only
	$(PYTHON) -m venv $(@D)
	-$(@D)/bin/python -m pip install --quiet 'dm-reverb[tensorflow]'
	@touch $@

serve: install  ## a server on port 8000 of this machine
	$(BIN)/replay-server serve

compose: ## the server and an agent in containers
	$(COMPOSE) up --build --abort-on-container-exit --exit-code-from agent

clean:          ## remove the virtual environment and what tools left behind
	rm -rf $(VENV) .venv-python* $(FUZZ_VENV) .fuzz .schemathesis .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage build dist docs/_site
