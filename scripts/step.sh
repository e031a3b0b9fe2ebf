#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# step.sh NAME COMMAND...: runs a command, says how long it took, and on a failure shows its end.
set -uo pipefail
# One compiler cache for every clone of this user.
root=$(cd "$(dirname "$0")/.." && pwd)
export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=1
name=$1
shift
log=$(mktemp)
trap 'rm -f "$log"' EXIT
start=$(date +%s)
printf '==> %s\n' "$name"
if [ -t 1 ]; then
  "$@" 2>&1 | tee "$log" | awk '/^\[[0-9]+\/[0-9]+\]/ {printf "\r    %s\033[K", substr($0,1,100); fflush(); next} {last=$0} END {print ""}'
else
  # Without a terminal: one progress line in about every ten per cent.
  "$@" 2>&1 | tee "$log" | awk -F'[][/]' '/^\[[0-9]+\/[0-9]+\]/ {p=int($2*10/$3); if (p!=q) {q=p; printf "    %s of %s\n",$2,$3; fflush()}}'
fi
status=${PIPESTATUS[0]}
seconds=$(($(date +%s) - start))
if [ "$status" -ne 0 ]; then
  printf '!!! %s failed (status %s, %s s); the end of its output:\n' "$name" "$status" "$seconds" >&2
  grep -E 'error|FAILED|Error' "$log" | tail -n 20 >&2
  tail -n 40 "$log" >&2
  exit "$status"
fi
printf '    done in %s s\n' "$seconds"
