// SPDX-License-Identifier: Apache-2.0
#include "dev_options.hpp"

#include "wavs/cli/devnet.hpp"

#include <charconv>

namespace wavs::cli {
namespace {

constexpr Flag kFlags[] = {
    {"--once", "", "fire one event, show what became of it, and end"},
    {"--input", "TEXT", "what the event carries (default: hello)"},
    {"--block-time", "SECONDS", "pause between blocks, 1 to 3600 (default: 1)"},
    {"--operators", "N",
     "nodes with one operator each, 1 to 10 (default: 1); results need two thirds of them, rounded "
     "up"},
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

struct Whole {
    std::string_view flag;
    /// "number of seconds".
    std::string_view what;
    unsigned most;
};

/// From 1 to the most; none when the flag was not given.
base::Result<std::optional<unsigned>> read_whole(const Invocation& invocation, const Whole& of) {
    const auto text = invocation.value(of.flag);
    if (!text) {
        return std::optional<unsigned>();
    }
    unsigned value = 0;
    const auto* end = text->data() + text->size();
    const auto [rest, error] = std::from_chars(text->data(), end, value);
    if (error != std::errc() || rest != end || value == 0 || value > of.most) {
        return usage_error(fmt::format("{} {:?} is not a {}", of.flag, *text, of.what),
                           fmt::format("write a whole number from 1 to {}", of.most));
    }
    return std::optional(value);
}

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
    WAVS_TRY(const auto seconds,
             read_whole(invocation, {"--block-time", "number of seconds", kMaxBlockTime}));
    out.block_time = seconds ? std::chrono::seconds(*seconds) : out.block_time;
    WAVS_TRY(const auto operators,
             read_whole(invocation, {"--operators", "number of operators", Devnet::kMaxNodes}));
    out.operators = operators.value_or(out.operators);
    return out;
}

}  // namespace wavs::cli
