// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace wavs::base {

inline constexpr std::string_view kVersion = "0.1.0";
/// The level of the WAVS protocol this node speaks.
inline constexpr std::string_view kProtocolLevel = "2.0.0-rc.10";

}  // namespace wavs::base
