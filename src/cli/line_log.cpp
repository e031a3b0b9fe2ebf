// SPDX-License-Identifier: Apache-2.0
#include "wavs/cli/line_log.hpp"

#include <algorithm>

namespace wavs::cli {

void LineLog::add(std::string_view line) {
    file_ << line << '\n' << std::flush;
    lines_.emplace_back(line);
    if (lines_.size() > kKept) {
        lines_.pop_front();
    }
}

std::vector<std::string> LineLog::tail(std::size_t count) const {
    const auto skip = lines_.size() - std::min(count, lines_.size());
    return {lines_.begin() + static_cast<std::ptrdiff_t>(skip), lines_.end()};
}

std::string LineLog::last_with(std::string_view part) const {
    const auto found = std::find_if(lines_.rbegin(), lines_.rend(), [part](const auto& line) {
        return line.find(part) != std::string::npos;
    });
    return found == lines_.rend() ? std::string() : *found;
}

std::size_t LineLog::count(std::string_view part) const {
    return static_cast<std::size_t>(
        std::count_if(lines_.begin(), lines_.end(),
                      [part](const auto& line) { return line.find(part) != std::string::npos; }));
}

}  // namespace wavs::cli
