#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the example components, or checks that the committed ones are what the sources give.
#   scripts/components.sh build      build into the build folder and replace the committed files
#   scripts/components.sh verify     build into the build folder and compare
# WAVS_COMPONENTIZE names the build helper, WAVS_COMPONENTS_OUT the build folder; both have defaults.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
out=${WAVS_COMPONENTS_OUT:-$root/build/components}
prebuilt=$root/examples/components/prebuilt

# name, world, source below examples/components
components=(
    "echo operator echo/echo.cpp"
    "square operator square/square.cpp"
    "kv operator kv/kv.cpp"
    "cron operator cron/cron.cpp"
    "echo_block_interval operator echo_block_interval/echo_block_interval.cpp"
    "permissions operator permissions/permissions.cpp"
    "simple_aggregator aggregator simple_aggregator/simple_aggregator.cpp"
    "embedded_aggregator aggregator embedded_aggregator/embedded_aggregator.cpp"
    "selecting_aggregator selecting selecting_aggregator/selecting_aggregator.cpp"
    "probe operator tests/probe/probe.cpp"
    "net operator tests/net/net.cpp"
    "hostile operator tests/hostile/hostile.cpp"
    "kernels operator tests/kernels/kernels.cpp"
    "delayed_aggregator aggregator tests/delayed_aggregator/delayed_aggregator.cpp"
)

flags=(
    --target=wasm32-wasi -mexec-model=reactor -std=c++23 -O2 -fno-exceptions -fno-rtti
    -ffunction-sections -fdata-sections -Wall -Wextra -Werror
    "-ffile-prefix-map=$root=." "-ffile-prefix-map=$out=build"
)

helper() {
    if [[ -n ${WAVS_COMPONENTIZE:-} ]]; then
        "$WAVS_COMPONENTIZE" "$@"
    else
        (cd "$root/rust" && cargo run --quiet --release --locked -p wavs-componentize -- "$@")
    fi
}

# One set of bindings per world; all call the world `wavs`, so that the SDK fits each.
bindings() {
    local world=$1 spec=$2 dir=$out/$1
    helper bindings --wit "$root/wit" --world "$spec" --name wavs --out "$dir"
    clang-19 --target=wasm32-wasi -O2 -ffunction-sections -fdata-sections -w \
        "-ffile-prefix-map=$out=build" -c "$dir/wavs.c" -o "$dir/wavs.o"
}

component() {
    local name=$1 world=$2 source=$3 dir=$out/$2
    clang++-19 "${flags[@]}" -I "$root/sdk/cpp/include" -I "$dir" -Wl,--gc-sections -Wl,--strip-all \
        "$root/examples/components/$source" "$dir/wavs.o" "$dir/wavs_component_type.o" -o "$out/$name.core.wasm"
    helper component --module "$out/$name.core.wasm" --out "$out/$name.wasm"
}

build_all() {
    mkdir -p "$out"
    bindings operator wavs:operator/wavs-world@2.6.0
    bindings aggregator wavs:aggregator/aggregator-world@2.6.0
    bindings selecting wavs:quorum/aggregator-world@0.1.0
    local names=()
    for entry in "${components[@]}"; do
        read -r name world source <<<"$entry"
        component "$name" "$world" "$source"
        names+=("$name.wasm")
    done
    (cd "$out" && sha256sum "${names[@]}" >SHA256SUMS)
}

case ${1:-} in
build)
    build_all
    mkdir -p "$prebuilt"
    rm -f "$prebuilt"/*.wasm
    (cd "$out" && cut -c67- SHA256SUMS | xargs -I{} cp {} "$prebuilt/" && cp SHA256SUMS "$prebuilt/")
    ;;
verify)
    (cd "$prebuilt" && sha256sum --quiet --check SHA256SUMS)
    build_all
    diff -u "$prebuilt/SHA256SUMS" "$out/SHA256SUMS"
    ;;
*)
    sed -n '3,6s/^# //p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
