// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/result.hpp"
#include "wavs/types/ids.hpp"

#include <array>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

namespace wavs::engine {

/// One line of the file of strikes: docs/protocol/04-data-directory.md.
struct StrikeLine {
    enum class Kind : char { Strike = 'S', Lifted = 'L' } kind = Kind::Strike;
    types::Timestamp at;
    /// The signal's number; 0 in what is not a strike, as are the ids below the digest.
    std::uint8_t signal = 0;
    types::ComponentDigest digest;
    types::ServiceId service;
    types::EventId event;
    friend bool operator==(const StrikeLine&, const StrikeLine&) = default;
};

/// All lines have one size, so that one write brings a whole one and a torn one is known.
inline constexpr std::size_t kStrikeLineSize =
    1 + (1 + 16) + (1 + 2) + (1 + 64) + (1 + 64) + (1 + 40) + (1 + 16) + 1;
using StrikeText = std::array<char, kStrikeLineSize>;

/// Async-signal-safe.
StrikeText encode(const StrikeLine& line) noexcept;

struct StrikeLines {
    std::vector<StrikeLine> lines;
    /// Bytes of them; what follows was torn by the end of the machine.
    std::size_t size = 0;
};
/// A last line that is not whole is left out. `strikes_damaged` (Invalid) when more than that is
/// wrong; `file` is for the error.
base::Result<StrikeLines> parse_strikes(std::string_view text, const std::filesystem::path& file);

}  // namespace wavs::engine
