#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# All tests: the Rust library, the contracts, then C++ (unit and end to end) with sanitizers. Arguments go to ctest, for
# example: scripts/test.sh -L unit
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
jobs=$(nproc)
start=$(date +%s)
scripts/setup.sh test
scripts/step.sh "Rust library" scripts/rust.sh
scripts/step.sh "RocksDB" scripts/rocksdb.sh
scripts/step.sh "Rust tests" scripts/rust.sh cargo test --release --locked
scripts/step.sh "contract tests" npm --prefix contracts test --silent
scripts/step.sh "configure (check)" cmake --preset check
scripts/step.sh "compile (check)" cmake --build --preset check -j "$jobs"
echo "==> C++ tests"
ctest --preset check --schedule-random -j "$jobs" --output-on-failure "$@"
echo "test: ok in $(($(date +%s) - start)) s"
