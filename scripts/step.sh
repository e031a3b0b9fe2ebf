#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# step.sh NAME COMMAND...: runs a command, shows that it goes on, says how long it took, and on a failure shows its end.
# On a terminal one line is rewritten; without one there is a line in about every ten per cent, or every half minute.
set -uo pipefail
# One compiler cache for every clone of this user.
root=$(cd "$(dirname "$0")/.." && pwd)
export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=1
name=$1
shift
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Reads the output of the command. awk would hold lines back until it has a block of them.
progress() {
  local line text="" status tenth=-1 pause=30 width=0
  local -i shown=$SECONDS
  if [ -t 1 ]; then
    pause=1
    width=$(stty size <&1 2>/dev/null | cut -d' ' -f2)
    [ "${width:-0}" -ge 20 ] || width=80
  fi
  while :; do
    IFS= read -r -t "$pause" line
    status=$?
    if [ "$status" -eq 0 ]; then
      printf '%s\n' "$line" >&3
      [[ $line =~ [^[:space:]] ]] && text=${line//$'\r'/}
      if [[ $line =~ ^\[([0-9]+)/([0-9]+)\] ]]; then
        if [ "$width" -eq 0 ] && [ $((BASH_REMATCH[1] * 10 / BASH_REMATCH[2])) -ne "$tenth" ]; then
          tenth=$((BASH_REMATCH[1] * 10 / BASH_REMATCH[2]))
          shown=$SECONDS
          printf '    %s of %s\n' "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
          continue
        fi
      fi
    elif [ "$status" -le 128 ]; then
      break
    fi
    [ $((SECONDS - shown)) -ge "$pause" ] || continue
    shown=$SECONDS
    if [ "$width" -gt 0 ]; then
      line="    $SECONDS s  $text"
      printf '\r%s\033[K' "${line:0:width-1}"
    else
      printf '    %s s  %s\n' "$SECONDS" "${text:0:100}"
    fi
  done
  [ "$width" -eq 0 ] || printf '\r\033[K'
}

SECONDS=0
printf '==> %s\n' "$name"
"$@" 2>&1 | progress 3>"$log"
status=${PIPESTATUS[0]}
if [ "$status" -ne 0 ]; then
  printf '!!! %s failed (status %s, %s s); the end of its output:\n' "$name" "$status" "$SECONDS" >&2
  grep -E 'error|FAILED|Error' "$log" | tail -n 20 >&2
  tail -n 40 "$log" >&2
  exit "$status"
fi
printf '    done in %s s\n' "$SECONDS"
