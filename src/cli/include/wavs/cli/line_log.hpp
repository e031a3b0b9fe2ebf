// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace wavs::cli {

/// What a child process writes: all of it in a file, the last lines at hand. From one strand.
class LineLog {
public:
    static constexpr std::size_t kKept = 400;

    /// Appends; an unwritable file loses its lines, never the child.
    explicit LineLog(std::filesystem::path file) : path_(file), file_(file, std::ios::app) {}

    void add(std::string_view line);
    const std::filesystem::path& path() const { return path_; }
    /// The last `count` lines, oldest first.
    std::vector<std::string> tail(std::size_t count) const;
    /// The last line that contains `part`; empty when there is none.
    std::string last_with(std::string_view part) const;
    /// Lines that contain `part`, of those that are kept.
    std::size_t count(std::string_view part) const;

private:
    std::filesystem::path path_;
    std::ofstream file_;
    std::deque<std::string> lines_;
};

}  // namespace wavs::cli
