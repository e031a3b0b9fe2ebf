// SPDX-License-Identifier: Apache-2.0
#include "dev_options.hpp"

#include <charconv>

namespace wavs::cli {
namespace {

constexpr Flag kFlags[] = {
    {"--once", "", "fire one event, show what became of it, and end"},
    {"--input", "TEXT", "what the event carries (default: hello)"},
    {"--block-time", "SECONDS", "pause between blocks, 1 to 3600 (default: 1)"},
    {"--keep-data", "", "leave the folder of the devnet behind"},
    {"--wavs", "PATH", "the node (default: beside wavs-cli, else in PATH)"},
    {"--anvil", "PATH", "the chain (default: that of contracts/, else in PATH)"},
    {"--verbose", "", "show the node's log"},
};

constexpr Flag kCommonFlags[] = {
    {"--data", "DIR", "an empty folder for the devnet, which is kept"},
    {"--log-level", "DIRECTIVE", "of the node (default: info)"},
    {"--json", "", "one JSON document on standard output, progress on standard error"},
};

constexpr unsigned kMaxBlockTime = 3600;

}  // namespace

std::span<const Flag> dev_flags() { return kFlags; }
std::span<const Flag> dev_common_flags() { return kCommonFlags; }

base::Result<DevOptions> read_dev_options(const Invocation& invocation) {
    DevOptions out;
    out.once = invocation.has("--once");
    out.keep_data = invocation.has("--keep-data");
    out.verbose = invocation.has("--verbose");
    out.json = invocation.config.json;
    out.wavs = invocation.value("--wavs");
    out.anvil = invocation.value("--anvil");
    out.input = invocation.value("--input").value_or(out.input);
    out.log_level = invocation.config.log_level;
    if (invocation.is_set("data")) {
        out.folder = invocation.cwd / invocation.config.data;
    }
    if (const auto text = invocation.value("--block-time")) {
        unsigned seconds = 0;
        const auto* end = text->data() + text->size();
        const auto [rest, error] = std::from_chars(text->data(), end, seconds);
        if (error != std::errc() || rest != end || seconds == 0 || seconds > kMaxBlockTime) {
            return usage_error(fmt::format("--block-time {:?} is not a number of seconds", *text),
                               fmt::format("write a whole number from 1 to {}", kMaxBlockTime));
        }
        out.block_time = std::chrono::seconds(seconds);
    }
    return out;
}

}  // namespace wavs::cli
