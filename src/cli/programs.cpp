// SPDX-License-Identifier: Apache-2.0
#include "wavs/cli/programs.hpp"

#include <unistd.h>

#include <string_view>
#include <vector>

namespace wavs::cli {
namespace {

namespace fs = std::filesystem;

bool is_program(const fs::path& path) {
    std::error_code ignored;
    return fs::is_regular_file(path, ignored) && ::access(path.c_str(), X_OK) == 0;
}

std::vector<fs::path> in_path(const std::string& path, std::string_view name) {
    std::vector<fs::path> out;
    std::string_view rest = path;
    while (!rest.empty()) {
        const auto colon = rest.find(':');
        const auto folder = rest.substr(0, colon);
        if (!folder.empty()) {
            out.push_back(fs::path(folder) / name);
        }
        rest.remove_prefix(colon == std::string_view::npos ? rest.size() : colon + 1);
    }
    return out;
}

/// `relative` below `folder` and below each folder around it.
void add_upwards(std::vector<fs::path>& out, fs::path folder, const fs::path& relative) {
    while (!folder.empty()) {
        out.push_back(folder / relative);
        if (folder == folder.parent_path()) {
            break;
        }
        folder = folder.parent_path();
    }
}

base::Error missing(std::string_view what, std::string remedy) {
    return {base::ErrorKind::NotFound, "program_missing", fmt::format("{} was not found", what),
            std::move(remedy)};
}

/// Absolute, since a child may run in another folder.
base::Result<std::string> choose(const ProgramSearch& search,
                                 const std::optional<std::string>& given,
                                 const std::vector<fs::path>& places, std::string_view what,
                                 std::string remedy) {
    if (given) {
        const auto path = search.cwd / *given;
        if (!is_program(path)) {
            return missing(fmt::format("{} at {}", what, path.string()), std::move(remedy));
        }
        return path.string();
    }
    for (const auto& place : places) {
        if (is_program(place)) {
            return fs::absolute(place).string();
        }
    }
    return missing(what, std::move(remedy));
}

}  // namespace

ProgramSearch system_search(const std::map<std::string, std::string>& environment,
                            const fs::path& cwd) {
    ProgramSearch out;
    std::error_code ignored;
    out.own_folder = fs::read_symlink("/proc/self/exe", ignored).parent_path();
    out.cwd = cwd;
    const auto path = environment.find("PATH");
    out.path = path == environment.end() ? "" : path->second;
    return out;
}

base::Result<std::string> find_anvil(const ProgramSearch& search,
                                     const std::optional<std::string>& given) {
    std::vector<fs::path> places;
    add_upwards(places, search.own_folder, "contracts/node_modules/.bin/anvil");
    add_upwards(places, search.cwd, "contracts/node_modules/.bin/anvil");
    const auto named = in_path(search.path, "anvil");
    places.insert(places.end(), named.begin(), named.end());
    return choose(search, given, places, "anvil, the local EVM chain,",
                  "run `make demo` or `scripts/setup.sh`, which install it, or name one with "
                  "--anvil PATH");
}

base::Result<std::string> find_wavs(const ProgramSearch& search,
                                    const std::optional<std::string>& given) {
    std::vector<fs::path> places{search.own_folder / "wavs"};
    const auto named = in_path(search.path, "wavs");
    places.insert(places.end(), named.begin(), named.end());
    return choose(search, given, places, "wavs, the node,",
                  "build it with `make`, or name one with --wavs PATH");
}

}  // namespace wavs::cli
