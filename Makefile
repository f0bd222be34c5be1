# Greenroom: everything a newcomer, a developer and CI type. `make help` lists it.
SHELL := /bin/bash
SWIFT ?= swift
RELEASE := .build/release/greenroom
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
# What `greenroom --version` of a release says.
COMMIT = $(shell git describe --always --dirty --abbrev=12 --exclude '*' 2>/dev/null || echo unknown)

.PHONY: help setup build release demo test lint format fuzz sanitize-thread sanitize-address crash-test failover-test simulate bench serve image image-root protos clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup: ## what the build needs beside Swift: the SQLite headers
	@scripts/setup.sh

build: setup ## debug build
	$(SWIFT) build -j $(JOBS)

release: setup ## optimised build
	GREENROOM_COMMIT=$(COMMIT) $(SWIFT) build -c release --product greenroom -j $(JOBS)

demo: release ## the whole loop on this machine, for real: make demo ARGS="--speed 2"
	$(RELEASE) demo $(ARGS)

serve: release ## the service with CONFIG=FILE, or with its defaults
	$(RELEASE) serve $(if $(CONFIG),--config $(CONFIG))

test: setup ## every test, a short crash run included
	scripts/test.sh

lint: ## the sources against .swift-format
	scripts/format.sh --check

format: ## the sources rewritten by .swift-format
	scripts/format.sh

fuzz: setup ## one target for a while: make fuzz TARGET=events SECONDS=60 (Linux)
	SWIFT=$(SWIFT) JOBS=$(JOBS) scripts/fuzz.sh $(or $(TARGET),events) $(or $(SECONDS),60)

sanitize-thread: setup ## the suite under ThreadSanitizer, before a release (FILTER: some of it)
	SWIFT=$(SWIFT) JOBS=$(JOBS) scripts/sanitize.sh thread $(FILTER)

sanitize-address: setup ## the suite under AddressSanitizer, before a release (FILTER: some of it)
	SWIFT=$(SWIFT) JOBS=$(JOBS) scripts/sanitize.sh address $(FILTER)

crash-test: setup ## kill -9 under load, RUNS times (default 50)
	$(SWIFT) build --product greenroom -j $(JOBS)
	python3 Tests/Crash/crash_test.py --runs $(or $(RUNS),50) --greenroom .build/debug/greenroom

failover-test: setup ## kill -9 of the leader of two instances under load, RUNS times (default 20)
	$(SWIFT) build --build-tests -j $(JOBS)
	FAILOVER_RUNS=$(or $(RUNS),20) $(SWIFT) test --skip-build --no-parallel --filter ElectedServiceTests

simulate: setup ## faults by seed: SEEDS=n (default 1000) FROM=1; one again: SEED=n ONLY=3,17; CONFIGURATION=release
	GREENROOM_SIMULATE=1 $(SWIFT) build --scratch-path .build-simulate --product simulate-faults -c $(or $(CONFIGURATION),debug) -j $(JOBS)
	.build-simulate/$(or $(CONFIGURATION),debug)/simulate-faults $(if $(SEED),--seed $(SEED) $(if $(ONLY),--only $(ONLY)),--from $(or $(FROM),1) --count $(or $(SEEDS),1000))

image: ## the container image, tagged greenroom:latest (IMAGE)
	docker build --build-arg GREENROOM_COMMIT=$(COMMIT) -t $(or $(IMAGE),greenroom:latest) .

image-root: release ## the image's runtime stage without an engine, laid out and tried as root (FOLDER, PROGRAM)
	scripts/image-root.sh $(or $(FOLDER),.build/image-root) $(or $(PROGRAM),$(RELEASE))

bench: release ## the benchmarks, with the machine they ran on
	$(RELEASE) bench ingest $(ARGS)

protos: setup ## the generated gRPC code, anew from its .proto (needs protoc)
	SWIFT=$(SWIFT) scripts/protos.sh

clean: ## remove what was built
	$(SWIFT) package clean
