#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Everything that can be said about the sources without running them. LINT_BASE (a commit) limits clang-tidy to files
# changed since; by default the files of the last commit and of the work tree. LINT_ALL=1 takes all.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
scripts/setup.sh lint

sources() { git ls-files '*.cpp' '*.hpp' | grep -v '\.inc$'; }

echo "==> layers and words"
python3 scripts/check_layers.py
python3 scripts/check_style.py
echo "==> format"
sources | xargs -r clang-format-19 --dry-run --Werror
scripts/rust.sh cargo fmt --all --check
scripts/rust.sh cargo fmt --manifest-path fuzz/Cargo.toml --check
echo "==> Rust"
scripts/step.sh "clippy" scripts/rust.sh cargo clippy --release --locked --all-targets -- -D warnings
scripts/abi_header.sh --verify
echo "==> generated files"
(cd contracts && npm run --silent check)
(cd examples/components/prebuilt && sha256sum --quiet -c SHA256SUMS)
echo "==> clang-tidy"
scripts/step.sh "RocksDB" scripts/rocksdb.sh
scripts/step.sh "configure (check)" cmake --preset check
base=${LINT_BASE:-HEAD~1}
if [ "${LINT_ALL:-}" = 1 ] || ! git rev-parse -q --verify "$base" >/dev/null; then
  files=$(sources | grep '\.cpp$')
else
  files=$({ git diff --name-only --diff-filter=d "$base"; git ls-files --others --exclude-standard; } |
    sort -u | grep '\.cpp$' || true)
fi
# Fuzz targets, benchmarks and guests are not part of this preset, so they have no compile command.
files=$(echo "$files" | grep -E '^(src|apps|tests)/' | grep -vE '/(fuzz|bench)/' || true)
if [ -n "$files" ]; then
  echo "$files" | head -n "${LINT_MAX_FILES:-40}" |
    xargs -r -P "$(nproc)" -n 2 bash -c 'printf "    %s\n" "$@"; exec clang-tidy-19 --quiet -p build/check "$@" 2>/dev/null' tidy
fi
echo "lint: ok"
