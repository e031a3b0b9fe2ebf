#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# setup.sh PURPOSE: installs what the purpose needs on a Debian 12 machine; does nothing the second time.
#   build       compiler, libraries, Rust
#   demo        build, and the local EVM node (Node.js packages of contracts/)
#   test        demo, and the test libraries
#   lint        test, and the linters
#   components  build, and the WebAssembly toolchain
#   contracts   Node.js packages of contracts/
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
purpose=${1:-build}

apt_build=(clang-19 lld-19 llvm-19 libclang-rt-19-dev mold ccache cmake ninja-build pkg-config git ca-certificates curl
  libboost1.81-dev libboost-json1.81-dev libboost-url1.81-dev libssl-dev libsecp256k1-dev libbotan-2-dev librocksdb-dev
  libtomlplusplus-dev libcli11-dev libfmt-dev libspdlog-dev prometheus-cpp-dev)
apt_test=(libgtest-dev libgmock-dev)
apt_lint=(clang-format-19 clang-tidy-19 python3)
apt_bench=(libbenchmark-dev)
apt_components=(wasi-libc libc++-19-dev-wasm32 libc++abi-19-dev-wasm32 libclang-rt-19-dev-wasm32)

say() { printf '==> set-up: %s\n' "$*"; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  else
    sudo "$@"
  fi
}

check_system() {
  if [ -r /etc/os-release ] && grep -q '^VERSION_CODENAME=bookworm' /etc/os-release; then
    return
  fi
  cat >&2 <<EOF
set-up: this system is not Debian 12 (bookworm); nothing was installed.
Install these and run the command again with WAVS_SKIP_SETUP=1:
  packages: ${apt_build[*]} ${apt_test[*]} ${apt_lint[*]} ${apt_bench[*]} ${apt_components[*]}
  Rust $(sed -n 's/^channel = "\(.*\)"/\1/p' "$root/rust/rust-toolchain.toml") with cargo (rustup)
  Node.js 20 or newer with npm
EOF
  exit 1
}

install_packages() {
  local missing=()
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  check_system
  say "Debian packages: ${missing[*]} (1 to 4 minutes)"
  local log
  log=$(mktemp)
  as_root apt-get update -qq >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}" >"$log" 2>&1 ||
    { tail -n 30 "$log" >&2; exit 1; }
  rm -f "$log"
}

install_rust() {
  export PATH="$HOME/.cargo/bin:$PATH"
  if ! command -v rustup >/dev/null; then
    check_system
    say "Rust installer (half a minute)"
    install_packages rustup 2>/dev/null || curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs |
      sh -s -- -y --default-toolchain none --no-modify-path >/dev/null
  fi
  local channel
  channel=$(sed -n 's/^channel = "\(.*\)"/\1/p' "$root/rust/rust-toolchain.toml")
  if ! rustup toolchain list | grep -q "^$channel"; then
    say "Rust $channel (1 minute)"
    rustup toolchain install "$channel" --profile minimal --component rustfmt --component clippy >/dev/null
  fi
}

install_node_packages() {
  if ! command -v npm >/dev/null; then
    check_system
    say "Node.js (1 minute)"
    install_packages nodejs npm
  fi
  local major
  major=$(node -p 'process.versions.node.split(".")[0]')
  if [ "$major" -lt 20 ]; then
    echo "set-up: Node.js $major is too old for the contracts' tools; install Node.js 20 or newer" >&2
    exit 1
  fi
  local stamp="$root/contracts/node_modules/.installed"
  if [ ! -f "$stamp" ] || ! cmp -s "$root/contracts/package-lock.json" "$stamp"; then
    say "Node.js packages of contracts/, among them the local EVM node (1 minute)"
    (cd "$root/contracts" && npm ci --ignore-scripts --no-audit --no-fund --silent)
    cp "$root/contracts/package-lock.json" "$stamp"
  fi
}

if [ "${WAVS_SKIP_SETUP:-}" = 1 ]; then
  exit 0
fi
case "$purpose" in
  build) install_packages "${apt_build[@]}"; install_rust ;;
  demo) install_packages "${apt_build[@]}"; install_rust; install_node_packages ;;
  test) install_packages "${apt_build[@]}" "${apt_test[@]}"; install_rust; install_node_packages ;;
  lint) install_packages "${apt_build[@]}" "${apt_test[@]}" "${apt_lint[@]}"; install_rust; install_node_packages ;;
  bench) install_packages "${apt_build[@]}" "${apt_bench[@]}"; install_rust; install_node_packages ;;
  components) install_packages "${apt_build[@]}" "${apt_components[@]}"; install_rust ;;
  contracts) install_node_packages ;;
  *) echo "set-up: unknown purpose '$purpose'" >&2; exit 2 ;;
esac
