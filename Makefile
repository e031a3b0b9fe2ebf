# SPDX-License-Identifier: Apache-2.0
# The entry points, kept for good. Each does its own set-up on a fresh Debian 12 machine (scripts/setup.sh says what
# it does and how long it takes, and does nothing the second time).
SHELL := /bin/bash
JOBS ?= $(shell nproc)
export PATH := $(HOME)/.cargo/bin:$(PATH)

.PHONY: demo test bench soak lint fuzz build components contracts clean help

help: ## list the entry points
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

build: ## the programs wavs and wavs-cli, in build/release/bin
	@scripts/setup.sh build
	@scripts/step.sh "configure (release)" cmake --preset release
	@scripts/step.sh "compile (release)" cmake --build --preset release -j $(JOBS) --target wavs wavs-cli

demo: build ## a local devnet: one event becomes a verified result on chain
	@scripts/setup.sh demo
	@build/release/bin/wavs-cli dev --once
	@echo "demo: ok"

test: ## all tests (sanitizers on)
	@scripts/test.sh

lint: ## format, layers, clang-tidy on the change, Rust lints, generated files
	@scripts/lint.sh

bench: ## benchmarks, one JSON object per line
	@scripts/bench.sh

soak: ## 200 schedules of faults (WAVS_SOAK_SEEDS), then load for 20 minutes (WAVS_SOAK_SECONDS): nothing lost, nothing grows
	@scripts/soak.sh

fuzz: ## every libFuzzer target for FUZZ_SECONDS (60) each
	@scripts/fuzz.sh

components: ## rebuild the example components and compare them with the committed ones
	@scripts/setup.sh components
	@scripts/rust.sh
	@WAVS_COMPONENTIZE=$$(scripts/rust.sh --print-dir)/release/wavs-componentize scripts/components.sh verify

contracts: ## rebuild the contracts and compare them with the committed ones
	@scripts/setup.sh contracts
	@scripts/env.sh npm --prefix contracts run --silent check

clean: ## remove build/
	rm -rf build
