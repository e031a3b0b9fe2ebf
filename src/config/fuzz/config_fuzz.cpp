// SPDX-License-Identifier: Apache-2.0
#include "wavs/config/config_json.hpp"
#include "wavs/config/load.hpp"

#include <cstddef>
#include <cstdint>

/// Any text as wavs.toml and as .env, for both programs: errors are fine, anything else is not.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace wavs;
    const std::string text(reinterpret_cast<const char*>(data), size);
    const auto cut = text.find('\0');
    const std::string toml = text.substr(0, cut);
    const std::string dotenv = cut == std::string::npos ? std::string() : text.substr(cut + 1);
    config::Inputs inputs;
    inputs.cwd = "/w";
    inputs.read_file =
        [&](const std::filesystem::path& path) -> base::Result<std::optional<std::string>> {
        if (path == "/w/wavs.toml") {
            return std::optional(toml);
        }
        return path == "/w/.env" ? std::optional(dotenv) : std::optional<std::string>();
    };
    const auto node = config::load_node(inputs);
    config::config_json(node.config, node.config.chains);
    config::print_config(node.settings);
    config::load_cli(inputs);
    return 0;
}
