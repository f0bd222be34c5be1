# Greenroom: the commands of a newcomer, a developer and CI. `make help` lists them.
SHELL := /bin/bash
SWIFT ?= swift
RELEASE := .build/release/greenroom
DEBUG := .build/debug/greenroom
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
# The commit that `greenroom --version` of a release prints.
COMMIT = $(shell git describe --always --dirty --abbrev=12 --exclude '*' 2>/dev/null || echo unknown)

.PHONY: help setup setup-release build release deb deb-root demo test lint format fuzz sanitize-thread sanitize-address crash-test failover-test replication-test page-test simulate simulate-coverage bench serve image image-root protos clean

help: ## list these commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup: ## install what the build needs besides Swift: the SQLite headers
	@scripts/setup.sh

build: setup ## make a debug build
	$(SWIFT) build -j $(JOBS)

setup-release:
	@scripts/setup.sh release

release: setup-release ## optimised build for real use: Swift's libraries inside, without symbols
	@[ -x $(RELEASE) ] || echo "make: the first release build takes about 25 minutes of one core; for a look, make demo needs none."
	GREENROOM_COMMIT=$(COMMIT) $(SWIFT) build -c release --product greenroom --static-swift-stdlib -Xlinker -s -j $(JOBS)

deb: $(if $(PROGRAM),,release) ## the Debian package of the release, or of PROGRAM, in .build/deb (FOLDER)
	scripts/deb.sh $(or $(PROGRAM),$(RELEASE)) $(FOLDER)

deb-root: $(if $(PROGRAM),,release) ## the Debian package installed and tried in a Debian of its own, as root (FOLDER, PROGRAM)
	scripts/deb-root.sh $(or $(FOLDER),.build/deb-root) $(or $(PROGRAM),$(RELEASE))

demo: setup ## the whole loop on this machine, for real (debug build): make demo ARGS="--speed 2", ARGS="--instances 3"
	@[ -x $(DEBUG) ] || echo "make: building first, as make test does too: about ten minutes on two cores the first time, seconds later on."
	$(SWIFT) build --product greenroom -j $(JOBS)
	$(DEBUG) demo $(ARGS)

serve: release ## run the service with CONFIG=FILE, or with its defaults
	$(RELEASE) serve $(if $(CONFIG),--config $(CONFIG))

test: setup ## run every test, including a short crash run
	scripts/test.sh

lint: ## check that the sources are formatted by .swift-format
	scripts/format.sh --check

format: ## format the sources by .swift-format
	scripts/format.sh

fuzz: setup ## fuzz one target for SECONDS: make fuzz TARGET=events SECONDS=60 (Linux)
	SWIFT=$(SWIFT) JOBS=$(JOBS) scripts/fuzz.sh $(or $(TARGET),events) $(or $(SECONDS),60)

sanitize-thread: setup ## run the tests under ThreadSanitizer, before a release (FILTER: some of them)
	SWIFT=$(SWIFT) JOBS=$(JOBS) scripts/sanitize.sh thread '$(FILTER)'

sanitize-address: setup ## run the tests under AddressSanitizer, before a release (FILTER: some of them)
	SWIFT=$(SWIFT) JOBS=$(JOBS) scripts/sanitize.sh address '$(FILTER)'

crash-test: setup ## kill the service under load with kill -9, RUNS times (default 50)
	$(SWIFT) build --product greenroom -j $(JOBS)
	python3 Tests/Crash/crash_test.py --runs $(or $(RUNS),50) --greenroom .build/debug/greenroom

failover-test: setup ## kill the leader of two instances under load with kill -9, RUNS times (default 20)
	$(SWIFT) build --build-tests -j $(JOBS)
	FAILOVER_RUNS=$(or $(RUNS),20) $(SWIFT) test --skip-build --no-parallel --filter ElectedServiceTests

replication-test: setup ## let servers, instances and links of a replicated log fail under load: RUNS=n (default 20) SEED=s FAULTS=kill_leader,…
	$(SWIFT) build --product greenroom -j $(JOBS)
	@server="$(NATS_SERVER)"; server=$${server:-$$(python3 Tests/Peers/nats_server.py)}; \
	case "$$server" in SKIPPED*) echo "make: nats-server 2.14 is needed: $$server" >&2; exit 3;; esac; \
	python3 Tests/Replication/replication_test.py --runs $(or $(RUNS),20) --greenroom $(DEBUG) --nats-server "$$server" \
		$(if $(SEED),--seed $(SEED)) $(if $(FAULTS),--faults $(FAULTS))

page-test: setup ## use the page in headless Chromium as a person would (about five minutes)
	$(SWIFT) build --product greenroom -j $(JOBS)
	python3 Tests/Page/page_in_chromium.py --program $(DEBUG)

simulate: setup ## simulate faults: SEEDS=n (default 1000) FROM=1; one seed again: SEED=n ONLY=3,17; CONFIGURATION=release
	GREENROOM_SIMULATE=1 $(SWIFT) build --scratch-path .build-simulate --product simulate-faults -c $(or $(CONFIGURATION),debug) -j $(JOBS)
	.build-simulate/$(or $(CONFIGURATION),debug)/simulate-faults $(if $(SEED),--seed $(SEED) $(if $(ONLY),--only $(ONLY)),--from $(or $(FROM),1) --count $(or $(SEEDS),1000))

simulate-coverage: setup ## simulate faults, and report what of the log, the state and the loop they reach: SEEDS=n (default 200)
	SWIFT=$(SWIFT) JOBS=$(JOBS) scripts/simulate-coverage.sh $(or $(SEEDS),200)

image: ## build the container image, tagged greenroom:latest (IMAGE)
	docker build --build-arg GREENROOM_COMMIT=$(COMMIT) -t $(or $(IMAGE),greenroom:latest) .

image-root: release ## lay out the image's last stage without a container engine, and test it; needs root (FOLDER, PROGRAM)
	scripts/image-root.sh $(or $(FOLDER),.build/image-root) $(or $(PROGRAM),$(RELEASE))

bench: release ## run the ingest benchmark, and name the machine it ran on
	$(RELEASE) bench ingest $(ARGS)

protos: setup ## generate the gRPC code from its .proto files (needs protoc)
	SWIFT=$(SWIFT) scripts/protos.sh

clean: ## remove what was built
	$(SWIFT) package clean
