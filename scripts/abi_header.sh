#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The C header of the Rust library: abi_header.sh writes it, abi_header.sh --verify compares it with the committed one.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
version=0.29.4
. "$root/scripts/env.sh"
if ! "$wavs_tools/bin/cbindgen" --version 2>/dev/null | grep -q "$version"; then
  "$root/scripts/step.sh" "set-up: cbindgen $version (2 minutes)" \
    cargo install cbindgen --version "$version" --locked --root "$wavs_tools"
fi
cd "$root/rust"
exec "$wavs_tools/bin/cbindgen" --quiet --config cbindgen.toml --crate wavs-rt --lockfile Cargo.lock \
  --output include/wavs_rt.h "$@" wavs-rt
