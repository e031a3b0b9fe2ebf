// SPDX-License-Identifier: Apache-2.0
#include "context.hpp"

#include "wavs/base/assert.hpp"
#include "wavs/crypto/secret_key.hpp"

#include <openssl/rand.h>

#include <array>
#include <cstdint>

namespace wavs::crypto {
namespace {

const secp256k1_context* make_context() {
    secp256k1_context* context =
        secp256k1_context_create(SECP256K1_CONTEXT_SIGN | SECP256K1_CONTEXT_VERIFY);
    WAVS_ASSERT(context != nullptr);
    // Blinding changes timing and power use, never a signature, so it may come from outside the
    // injected random source.
    std::array<std::uint8_t, 32> blinding{};
    WAVS_ASSERT(RAND_priv_bytes(blinding.data(), static_cast<int>(blinding.size())) == 1);
    WAVS_ASSERT(secp256k1_context_randomize(context, blinding.data()) == 1);
    wipe(blinding);
    return context;
}

}  // namespace

const secp256k1_context* curve() {
    static const secp256k1_context* const shared = make_context();
    return shared;
}

}  // namespace wavs::crypto
