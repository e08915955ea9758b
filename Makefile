# The one list of developer commands; `make help` prints it. .ci/run only calls `make test`.
# What must not be deleted with a clone (compiled tools, a Python environment) is kept in CACHE.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/campusg-notif
TOOLS := $(CACHE)/tools
# A changed requirements file gets a new environment instead of a mended one.
VENV := $(CACHE)/python-$(shell cksum scripts/requirements.txt | cut -d ' ' -f 1)

# CI clones into a new folder each time; what it compiled for one clone serves the next.
ifeq ($(CI),true)
export CARGO_TARGET_DIR ?= $(CACHE)/target
endif

export PATH := $(TOOLS)/bin:$(VENV)/bin:$(PATH)
# A snapshot that differs fails; it is never rewritten by a test run.
export INSTA_UPDATE ?= no

.PHONY: help
help: ## print this list
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

.PHONY: setup
setup: ## install what a build and the demo need, or print the line that does
	@scripts/setup.sh demo

.PHONY: demo
demo: setup ## a private Kafka and PostgreSQL, a minute of campus life, one order's story (DEMO_ONCE=1 ends by itself)
	cargo build --locked --workspace --bins
	cargo run --locked --quiet --package notif-testbed --bin demo

.PHONY: build
build: setup ## compile both programs, optimised, into target/release
	cargo build --locked --release --package notif-poll --package notif-api

# In this order, so that what is cheap to check fails first.
.PHONY: test
test: ## everything CI runs
	@scripts/setup.sh test
	@$(MAKE) --no-print-directory tools
	@$(MAKE) --no-print-directory fmt-check typos check-shell check-deploy test-shell
	@$(MAKE) --no-print-directory deny machete lint
	@$(MAKE) --no-print-directory test-rust
	@$(MAKE) --no-print-directory test-fuzz

.PHONY: test-rust
test-rust: ## the Rust tests alone
	cargo test --locked --workspace
	cargo test --locked --workspace --features notif-poll/faults,notif-api/faults --test battery
	cargo test --locked --workspace --features notif-poll/faults,notif-api/faults --test api mutation::

SECONDS ?= 300
.PHONY: soak
soak: fuzz-build fuzz-seeds ## random kills of polls, PostgreSQL and Kafka, and fuzzing; SECONDS=1800, SEED=1 to replay
	SECONDS=$(SECONDS) $(if $(SEED),SEED=$(SEED)) cargo test --locked --workspace --features notif-poll/faults,notif-api/faults --test battery -- --ignored --exact soak::soak
	@scripts/fuzz.sh $(FUZZ_BIN) $$(($(SECONDS) / 10 + 1)) $(FUZZ_TARGETS) $(if $(SEED),-- -seed=$(SEED))

.PHONY: test-shell
test-shell: ## poll_worker.sh and the entrypoint of the image, with programs that fail, hang and are killed
	@scripts/test_poll_worker.sh
	@scripts/test_entrypoint.sh

.PHONY: test-versions
test-versions: ## one drain with the whole check on each other version of PostgreSQL and Kafka (part of test-rust)
	cargo test --locked --package notif-poll --test poll -- versions::

# Coverage for libFuzzer, as `cargo fuzz build --sanitizer none` sets it: plain options of a stable
# compiler. For a named target they do not reach build scripts.
HOST := $(shell rustc -vV | sed -n 's/^host: //p')
FUZZ_FLAGS := --cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
  -Cllvm-args=-sanitizer-coverage-trace-compares
FUZZ_TARGETS := decoder headers
FUZZ_BIN = $(or $(CARGO_TARGET_DIR),fuzz/target)/$(HOST)/release

.PHONY: fuzz-build
fuzz-build: ## the fuzz targets
	RUSTFLAGS='$(FUZZ_FLAGS)' cargo build --locked --release --manifest-path fuzz/Cargo.toml --target $(HOST)

.PHONY: fuzz-seeds
fuzz-seeds:
	cargo run --locked --quiet --package notif-testbed --bin fuzz_seeds -- $(FUZZ_TARGETS:%=fuzz/corpus/%)

.PHONY: test-fuzz
test-fuzz: fuzz-build fuzz-seeds ## the fuzz targets once over their seeds
	@scripts/fuzz.sh $(FUZZ_BIN) 0 $(FUZZ_TARGETS)

.PHONY: fuzz
fuzz: fuzz-build fuzz-seeds ## fuzz each target for SECONDS (300); what breaks one is kept in fuzz/artifacts
	@scripts/fuzz.sh $(FUZZ_BIN) $(SECONDS) $(FUZZ_TARGETS)

.PHONY: bench
bench: ## the benchmarks, each beside its baseline
	@scripts/setup.sh bench
	cargo build --locked --release --workspace --bins
	cargo run --locked --release --quiet --package notif-testbed --bin bench

.PHONY: fmt
fmt: tools-python ## format Rust and shell files
	cargo fmt --all
	cargo fmt --manifest-path fuzz/Cargo.toml
	$(SHFMT) --write $(SHELL_FILES)

.PHONY: fmt-check
fmt-check:
	cargo fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check

.PHONY: lint
lint: ## clippy and rustdoc; a warning is an error
	cargo clippy --locked --workspace --all-targets --all-features -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace --no-deps --document-private-items

.PHONY: deny
deny: tools-cargo ## dependencies: licences, bans, sources, and advisories when their list can be fetched
	cargo deny --locked check --hide-inclusion-graph bans licenses sources
	@scripts/check_advisories.sh

.PHONY: machete
machete: tools-cargo ## dependencies that nothing uses
	cargo machete

.PHONY: typos
typos: tools-python ## spelling
	typos

SHELL_FILES := .ci/run $(wildcard *.sh scripts/*.sh deploy/*/*.sh)
SHFMT := shfmt --indent 2

.PHONY: check-shell
check-shell: tools-python ## shellcheck and shfmt
	shellcheck --external-sources $(SHELL_FILES)
	$(SHFMT) --diff $(SHELL_FILES)

.PHONY: check-deploy
check-deploy: check-dockerfile check-compose check-kubernetes check-systemd check-cron check-prometheus ## everything below deploy/

.PHONY: check-dockerfile
check-dockerfile: tools-python ## the Dockerfile, without building it
	hadolint Dockerfile
	@rust=$$(sed -nE 's/^channel = "(.*)"/\1/p' rust-toolchain.toml); \
	  grep -q "^ARG RUST_IMAGE=.*/rust:$$rust-" Dockerfile || \
	  { echo "the Rust of the Dockerfile is not $$rust, the one of rust-toolchain.toml" >&2; exit 1; }

.PHONY: check-compose
check-compose: tools-python ## deploy/compose.yaml, as docker compose reads it
	docker-compose --file deploy/compose.yaml config --quiet

.PHONY: check-kubernetes
check-kubernetes: tools-python ## the manifests, rendered, against the schemas of Kubernetes and our own rules
	@python scripts/check_kubernetes.py

.PHONY: check-systemd
check-systemd: ## the units, as systemd reads them
	@scripts/check_systemd.sh

.PHONY: check-cron
check-cron: ## the crontab, each command of it run
	@scripts/check_crontab.sh

.PHONY: check-prometheus
check-prometheus: tools-promtool ## the alert rules, and when each of them fires
	promtool check rules deploy/prometheus/rules.yaml
	promtool test rules deploy/prometheus/rules_test.yaml

.PHONY: image-check
image-check: ## build the image with buildah from a Debian root made here, and look into it (root, minutes)
	CACHE=$(CACHE) deploy/docker/check.sh

.PHONY: tools tools-cargo tools-python tools-promtool
tools: tools-cargo tools-python tools-promtool ## compile and install the tools of `make test`, once

tools-cargo:
	@scripts/cargo_tools.sh $(TOOLS)

tools-python:
	@scripts/python_tools.sh $(VENV)

tools-promtool:
	@scripts/promtool.sh $(TOOLS)
