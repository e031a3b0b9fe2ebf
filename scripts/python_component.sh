#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the example component in Python, which is too big to be committed (18 MB).
#   python_component.sh             prints the path of the built component
#   python_component.sh COMMAND...  runs a command with WAVS_PYTHON_COMPONENT naming it
# The component is kept in the user's cache under a key made of all it is built from. Ends with status 77, which ctest
# counts as skipped, when the tool cannot be had.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/scripts/env.sh"

version=0.25.1
sha256_x86_64=8623cd8cab8453cb0cd8bf03f3c7103420d06f2f3d360186a280a70a1ca5e89f
sha256_aarch64=7b6a87c520358166843af0daa86d2312d7af4cbcbbf1e598951085cf7f2991ca
source="$root/examples/components/tests/python_echo"

skip() {
  printf 'python component: skipped: %s\n' "$1" >&2
  exit 77
}

tool="$wavs_tools/componentize-py-$version"
key=$(cd "$root" && { find wit examples/components/tests/python_echo -type f -name '*.*' | LC_ALL=C sort | xargs sha256sum
  sha256sum scripts/python_component.sh; } | sha256sum | cut -c1-16)
built="${XDG_CACHE_HOME:-$HOME/.cache}/wavs/components/python_echo-$key.wasm"

install_tool() {
  local name="sha256_$(uname -m)" new="$tool.$$"
  [ -n "${!name:-}" ] || skip "no componentize-py is pinned here for $(uname -m)"
  python3 -m pip --version >/dev/null 2>&1 || skip "there is no pip to install componentize-py with (package python3-pip)"
  mkdir -p "$new"
  echo "componentize-py==$version --hash=sha256:${!name}" >"$new/requirements.txt"
  if ! PIP_USER=0 python3 -m pip install --require-hashes --no-deps --only-binary :all: --target "$new" --no-compile \
    --no-input --disable-pip-version-check --root-user-action=ignore --progress-bar off \
    -r "$new/requirements.txt" >"$new/log" 2>&1; then
    tail -n 3 "$new/log" >&2
    rm -rf "$new"
    skip "componentize-py $version cannot be installed from the package index"
  fi
  rm -rf "$tool"
  mv "$new" "$tool"
}

if [ ! -f "$built" ]; then
  [ -d "$tool" ] || install_tool
  mkdir -p "$(dirname "$built")"
  # `tls` is a feature that the WIT marks as unstable. Bindings and bytecode of the tool stay out of the checkout.
  (cd "$(dirname "$built")" && PYTHONPATH="$tool" PYTHONDONTWRITEBYTECODE=1 "$tool/bin/componentize-py" \
    --quiet --features tls -d "$root/wit" -w wavs:operator/wavs-world@2.6.0 \
    componentize -p "$source" app -o "$built.$$")
  mv "$built.$$" "$built"
fi

if [ $# -eq 0 ]; then
  echo "$built"
else
  WAVS_PYTHON_COMPONENT="$built" exec "$@"
fi
