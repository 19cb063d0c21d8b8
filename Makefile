# `make` alone lists the targets.
.DEFAULT_GOAL := help
.PHONY: help demo test release unit-test integration-test chaos lint bench format install clean differential-test behave build-packages host-packages repository large-repository build

PREFIX ?= /usr/local
# Of `make chaos`.
ROUNDS ?= 50
SEED ?= 1
SWIFT_BUILD = swift build
# Without proxies: tests start their own servers on this host, and some of these are proxies.
SWIFT_TEST = env -u http_proxy -u https_proxy -u HTTPS_PROXY -u all_proxy -u ALL_PROXY -u no_proxy -u NO_PROXY swift test --skip-build

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 20

# The program and the repository at once: for half of its time the compiler keeps one core busy.
demo: ## build three appliances and boot one
	@$(MAKE) --no-print-directory --jobs=2 release repository
	scripts/demo

test: lint release unit-test integration-test differential-test ## everything, as root, at most 45 minutes

test-all: export DISCOGRAPHER_TEST_ALL = 1
test-all: test ## everything, including the slow suites

unit-test: host-packages ## the unit tests alone, under a minute
	swift build --build-tests
	$(SWIFT_TEST)

integration-test: demo ## real packages, loop devices and boots, as root
	swift build --build-tests
	DISCOGRAPHER_INTEGRATION=1 DISCOGRAPHER_PROGRAM="$$(swift build -c release --show-bin-path)/discographer" DISCOGRAPHER_DEMO_REPOSITORY="$$(Tests/Repository/build --print-path)" \
		$(SWIFT_TEST) --filter IntegrationTests --no-parallel

chaos: build host-packages ## kill builds, damage the cache, clean at the same time; 50 rounds, by hand, as root
	Tests/Chaos/run $(ROUNDS) $(SEED)

differential-test: build repository host-packages ## compare resolution with dnf's, request by request, and trust in keys, and URLs
	Tests/Differential/resolve-with-dnf "$$(swift build --show-bin-path)/discographer"
	Tests/Differential/keys-with-dnf "$$(swift build --show-bin-path)/discographer"
	env -u http_proxy -u https_proxy -u HTTPS_PROXY -u all_proxy -u ALL_PROXY Tests/Differential/urls-with-dnf "$$(swift build --show-bin-path)/discographer"

behave: build host-packages ## run dnf's own behaviour tests: CHECKOUT=FOLDER, a checkout of rpm-software-management/ci-dnf-stack
	Tests/Differential/behave "$$(swift build --show-bin-path)/discographer" "$(or $(CHECKOUT),ci-dnf-stack)"

lint: host-packages ## check the formatting, the shell scripts and the prose
	swift format lint --strict --recursive --parallel Package.swift Sources Tests
	shellcheck functions/*.functions scripts/* Benchmarks/run Tests/Differential/install-with-dnf \
		Tests/Differential/resolve-with-dnf
	scripts/check-prose

bench: release repository large-repository ## measure against dnf, zypper and rpm in one run, as root
	@scripts/install-host-packages Benchmarks/host-packages
	Benchmarks/run
	Benchmarks/installation
	Benchmarks/resolution .build/release/discographer
	Benchmarks/fleet

format: ## format the Swift sources in place
	swift format format --in-place --recursive --parallel Package.swift Sources Tests

build: build-packages
	$(SWIFT_BUILD)

release: build-packages ## the optimised build for installation, with Swift's libraries linked in
	$(SWIFT_BUILD) -c release --static-swift-stdlib

build-packages:
	@scripts/install-host-packages host-packages Tests/Repository/host-packages

host-packages:
	@scripts/install-host-packages host-packages Tests/host-packages Tests/Repository/host-packages

repository: build-packages
	Tests/Repository/build

large-repository: host-packages
	Tests/LargeRepository/build

install: release ## an optimised build, to PREFIX (/usr/local)
	install -D -m 0755 -t $(DESTDIR)$(PREFIX)/bin .build/release/discographer .build/release/discographer-worker
	install -D -m 0644 -t $(DESTDIR)$(PREFIX)/share/discographer/functions functions/*
	install -D -m 0644 -t $(DESTDIR)$(PREFIX)/share/discographer/paths paths/*

clean: ## remove what was built here; the shared cache stays
	swift package clean
