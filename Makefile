# Entry points for building, running and testing; `make` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run ui test simulate safeguards faults prepare lint up down rollout loadtest compare

# Replicas and services of `make up`. If an image is unavailable, name the other services:
# make up SERVICES="nginx chat redis prometheus"
SCALE ?= 3
SERVICES ?=

# The script and the target of `make loadtest`.
SCRIPT ?= loadtest/cross-node.js
URL ?= http://localhost:$(or $(HTTP_PORT),8080)

# Options of `make compare`; `target/release/compare --help` lists them.
COMPARE ?=

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ui ## Run one node on http://localhost:3000 (PORT), with SQLite at data/chat.db and no Redis
	cargo build --release --locked
	exec "$${CARGO_TARGET_DIR:-target}/release/chorus" serve

ui: static/vendor/socket.io.js ## Install the page's npm dependencies (other targets do so as needed)

node_modules/.package-lock.json: package.json package-lock.json
	npm ci --no-audit --no-fund
	@touch $@

static/vendor/socket.io.js: node_modules/.package-lock.json vendor.mjs
	npm run --silent ui

lint: ui ## Check formatting, clippy (warnings denied) and the JavaScript types
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets --features failpoints -- -D warnings
	npm run --silent check

prepare:
	tests/prepare

test: prepare lint ## Run all tests; stack tests are skipped without a Docker Engine (REQUIRE_STACK=1 fails instead)
	cargo test --locked --workspace --features failpoints
	npm test
	npm run --silent test:safeguards
	npm run --silent test:wire
	npm run --silent test:load
	tests/browser/run
	tests/stack/run

simulate: ui ## Run the domain in simulation with random faults for many seeds (SEEDS=0..10000, resumable), or replay one (SEEDS=4711)
	SEEDS=$(or $(SEEDS),0..10000) cargo test --locked --features failpoints --test simulation every_seed

safeguards: ui ## Mutation test: remove each safeguard from a copy of the code, and check that the simulation fails
	npm run --silent test:safeguards

faults: prepare ui ## Run the fault-injection tests on three nodes, then on the stack, under load; prints the effects on clients
	tests/faults/run
	tests/stack/run tests/stack/faults.test.mjs

up: ## Build and start the stack on http://localhost:8080 (HTTP_PORT, SCALE=3)
	COMMIT=$$(git rev-parse --short HEAD || true) docker compose up --detach --build --wait --scale chat=$(SCALE) $(SERVICES)

down: ## Stop the stack and keep the history in its volume
	docker compose down

loadtest: node_modules/.package-lock.json ## Run a load test against the running stack, with k6 if installed (SCRIPT=loadtest/churn.js CLIENTS=200)
	@export URL=$(URL) REPLICAS=$${REPLICAS:-$(SCALE)} K6_NEW_MACHINE_READABLE_SUMMARY=false \
	  K6_PROMETHEUS_RW_SERVER_URL=http://localhost:$(or $(PROMETHEUS_PORT),9090)/api/v1/write \
	  K6_PROMETHEUS_RW_TREND_STATS='p(50),p(95),p(99),max' K6_PROMETHEUS_RW_STALE_MARKERS=true; \
	if command -v k6 >/dev/null; then \
	  echo "running $(SCRIPT) with $$(k6 version)"; exec k6 run $(SCRIPT); \
	else \
	  echo "running $(SCRIPT) with loadtest/harness, because k6 is not installed"; exec node loadtest/harness/run.mjs $(SCRIPT); \
	fi

loadtest/compare/node/node_modules/.package-lock.json: loadtest/compare/node/package-lock.json
	npm ci --prefix loadtest/compare/node --no-audit --no-fund
	@touch $@

compare: ui loadtest/compare/node/node_modules/.package-lock.json ## Benchmark Chorus against the Node.js chat that it replaces and a minimal broadcaster (COMPARE="--quick")
	cargo build --release --locked --workspace
	"$${CARGO_TARGET_DIR:-target}/release/compare" $(COMPARE)

rollout: ## Replace the stack's replicas one by one with this checkout, without losing a message
	deploy/rollout
