// SPDX-License-Identifier: Apache-2.0
#include "wavs/config/load.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace wavs::config {
namespace {

base::Result<std::optional<std::string>> read_regular_file(const std::filesystem::path& path) {
    std::error_code error;
    const auto status = std::filesystem::status(path, error);
    if (!std::filesystem::exists(status)) {
        return std::optional<std::string>{};
    }
    std::ifstream file(path, std::ios::binary);
    std::stringstream content;
    content << file.rdbuf();
    if (std::filesystem::is_directory(status) || !file) {
        return base::Error(base::ErrorKind::Invalid, "config_file",
                           fmt::format("{} cannot be read", path.string()));
    }
    return std::optional(std::move(content).str());
}

}  // namespace

Inputs system_inputs(int argc, const char* const* argv) {
    Inputs out;
    for (int i = 1; i < argc; ++i) {
        out.argv.emplace_back(argv[i]);
    }
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        const auto equals = text.find('=');
        if (equals != std::string_view::npos) {
            out.environment.emplace(text.substr(0, equals), text.substr(equals + 1));
        }
    }
    std::error_code ignored;
    out.cwd = std::filesystem::current_path(ignored);
    const auto home = out.environment.find("HOME");
    if (home != out.environment.end() && !home->second.empty()) {
        out.home = home->second;
    }
    out.read_file = read_regular_file;
    return out;
}

}  // namespace wavs::config
