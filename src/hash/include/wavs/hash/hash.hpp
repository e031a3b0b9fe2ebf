// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/bytes.hpp"

#include <array>
#include <cstdint>
#include <memory>

namespace wavs::hash {

using Hash160 = std::array<std::uint8_t, 20>;
using Hash256 = std::array<std::uint8_t, 32>;

Hash256 sha256(base::ByteView data);
/// Keccak-256 with the original padding, as Ethereum uses it (not SHA3-256).
Hash256 keccak256(base::ByteView data);
Hash160 ripemd160(base::ByteView data);

/// SHA-256 of data that arrives in pieces, such as a component that is being downloaded. Not
/// thread-safe; `finish()` leaves it ready for the next message.
class Sha256 {
public:
    Sha256();
    ~Sha256();
    Sha256(Sha256&&) noexcept;
    Sha256& operator=(Sha256&&) noexcept;

    void update(base::ByteView data);
    Hash256 finish();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace wavs::hash
