// SPDX-License-Identifier: Apache-2.0
#include "component_command.hpp"

#include "wavs/base/hex.hpp"

namespace wavs::cli {

base::Result<std::filesystem::path> one_file(const Invocation& invocation, std::string_view what) {
    if (invocation.words.size() != 1) {
        return usage_error(fmt::format("one {} is needed", what), "name its file");
    }
    return invocation.cwd / invocation.words.front();
}

std::string describe(const base::Bytes& output) {
    constexpr std::size_t kShown = 64;
    if (output.size() <= kShown) {
        return fmt::format("{} bytes: 0x{}", output.size(), base::hex(output));
    }
    return fmt::format("{} bytes", output.size());
}

}  // namespace wavs::cli
