// SPDX-License-Identifier: Apache-2.0
#include "wavs/hash/hash.hpp"

#include "wavs/base/assert.hpp"

#include <botan/hash.h>

namespace wavs::hash {
namespace {

std::unique_ptr<Botan::HashFunction> make(const char* name) {
    auto function = Botan::HashFunction::create(name);
    WAVS_ASSERT(function != nullptr);
    return function;
}

/// `final()` resets the function, so one object per thread and algorithm serves all calls without
/// an allocation.
template <std::size_t N>
std::array<std::uint8_t, N> digest(Botan::HashFunction& function, base::ByteView data) {
    std::array<std::uint8_t, N> out{};
    function.update(data.data(), data.size());
    function.final(out.data());
    return out;
}

}  // namespace

Hash256 sha256(base::ByteView data) {
    thread_local const auto kFunction = make("SHA-256");
    return digest<32>(*kFunction, data);
}

Hash256 keccak256(base::ByteView data) {
    thread_local const auto kFunction = make("Keccak-1600(256)");
    return digest<32>(*kFunction, data);
}

Hash160 ripemd160(base::ByteView data) {
    thread_local const auto kFunction = make("RIPEMD-160");
    return digest<20>(*kFunction, data);
}

struct Sha256::State {
    std::unique_ptr<Botan::HashFunction> function = make("SHA-256");
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(base::ByteView data) { state_->function->update(data.data(), data.size()); }

Hash256 Sha256::finish() {
    Hash256 out{};
    state_->function->final(out.data());
    return out;
}

}  // namespace wavs::hash
