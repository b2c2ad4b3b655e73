# Everything that is done with this repository; `make` alone lists it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run ui test simulate safeguards faults prepare lint up down rollout loadtest compare

# Replicas and services of `make up`. Where an image cannot be had, name the others:
# make up SERVICES="nginx chat redis prometheus"
SCALE ?= 3
SERVICES ?=

# What `make loadtest` runs, and against what.
SCRIPT ?= loadtest/cross-node.js
URL ?= http://localhost:$(or $(HTTP_PORT),8080)

# What `make compare` measures; `--help` of the program lists its options.
COMPARE ?=

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ui ## Run one node on http://localhost:3000 (PORT), with SQLite at data/chat.db and no Redis
	cargo build --release --locked
	exec "$${CARGO_TARGET_DIR:-target}/release/chorus" serve

ui: static/vendor/socket.io.js ## Fetch the page's parts from npm (the other targets do so when needed)

node_modules/.package-lock.json: package.json package-lock.json
	npm ci --no-audit --no-fund
	@touch $@

static/vendor/socket.io.js: node_modules/.package-lock.json vendor.mjs
	npm run --silent ui

lint: ui ## Check the format, clippy's opinion (warnings denied) and the page's types
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets --features failpoints -- -D warnings
	npm run --silent check

prepare:
	tests/prepare

test: prepare lint ## Run all tests; those of the stack only where a Docker Engine answers (REQUIRE_STACK=1 insists)
	cargo test --locked --workspace --features failpoints
	npm test
	npm run --silent test:safeguards
	npm run --silent test:wire
	npm run --silent test:load
	tests/browser/run
	tests/stack/run

simulate: ## Run the domain under simulated faults, for any seeds (SEEDS=0..10000; a stopped run goes on), or replay one (SEEDS=4711)
	SEEDS=$(or $(SEEDS),0..10000) cargo test --locked --features failpoints --test simulation every_seed

safeguards: ui ## Take one safeguard at a time out of a copy of the code, and show that the simulation notices
	npm run --silent test:safeguards

faults: prepare node_modules/.package-lock.json ## Do the worst to three nodes, then to the stack, under load, and print what clients noticed
	tests/faults/run
	tests/stack/run tests/stack/faults.test.mjs

up: ## Build and start the stack on http://localhost:8080 (HTTP_PORT, SCALE=3)
	COMMIT=$$(git rev-parse --short HEAD || true) docker compose up --detach --build --wait --scale chat=$(SCALE) $(SERVICES)

down: ## Stop the stack; the history stays in its volume
	docker compose down

loadtest: node_modules/.package-lock.json ## Prove the running stack's delivery, by k6 if there is one (SCRIPT=loadtest/churn.js CLIENTS=200)
	@export URL=$(URL) REPLICAS=$${REPLICAS:-$(SCALE)} K6_NEW_MACHINE_READABLE_SUMMARY=false \
	  K6_PROMETHEUS_RW_SERVER_URL=http://localhost:$(or $(PROMETHEUS_PORT),9090)/api/v1/write \
	  K6_PROMETHEUS_RW_TREND_STATS='p(50),p(95),p(99),max' K6_PROMETHEUS_RW_STALE_MARKERS=true; \
	if command -v k6 >/dev/null; then \
	  echo "$(SCRIPT) by $$(k6 version)"; exec k6 run $(SCRIPT); \
	else \
	  echo "$(SCRIPT) by loadtest/harness, since no k6 is on the PATH"; exec node loadtest/harness/run.mjs $(SCRIPT); \
	fi

loadtest/compare/node/node_modules/.package-lock.json: loadtest/compare/node/package-lock.json
	npm ci --prefix loadtest/compare/node --no-audit --no-fund
	@touch $@

compare: loadtest/compare/node/node_modules/.package-lock.json ## Measure Chorus beside the Node.js system that it replaces and the floor (COMPARE="--quick")
	cargo build --release --locked --workspace
	"$${CARGO_TARGET_DIR:-target}/release/compare" $(COMPARE)

rollout: ## Replace the running replicas one by one with this checkout, without losing a message
	deploy/rollout
