#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Where set-up puts the tools that Debian 12 does not have, each per user and under its version.
#   . scripts/env.sh           for a script: their folders first in PATH
#   scripts/env.sh COMMAND...  runs one command that way
# A machine that has its own Node.js or rustup gets no folder here, and PATH goes on to its own.
wavs_tools="${XDG_CACHE_HOME:-$HOME/.cache}/wavs/tools"
node_version=24.19.0
node_dir="$wavs_tools/node-$node_version"
export PATH="$node_dir/bin:${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  exec "$@"
fi
