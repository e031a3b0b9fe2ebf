// SPDX-License-Identifier: Apache-2.0
#include "replay_command.hpp"

#include "component_command.hpp"
#include "local_engine.hpp"
#include "wavs/rt/native.hpp"
#include "wavs/storage/blob_store.hpp"
#include "wavs/storage/data_dir.hpp"

#include <array>

namespace wavs::cli {
namespace {

std::filesystem::path component_path(const Invocation& invocation,
                                     const types::ComponentDigest& digest) {
    if (const auto file = invocation.value("--component")) {
        return invocation.cwd / *file;
    }
    const auto data = invocation.cwd / invocation.value("--node-data").value_or("");
    return storage::BlobStore(data / "ca").path_of(digest);
}

// Success when the run ended as recorded.
int compare(const rt::RecordInfo& recorded, const rt::RunOutcome& now, Terminal& terminal) {
    if (!now.output.has_value()) {
        const auto& error = now.output.error();
        const bool same = !recorded.succeeded && error.code() != "rt_invalid_input";
        terminal.line(fmt::format("result     {} ({})", same ? "fails as recorded" : "differs",
                                  error.message()));
        return same ? kExitOk : kExitFailure;
    }
    if (recorded.succeeded && recorded.output == now.output.value()) {
        terminal.line("result     the same " + describe(recorded.output));
        return kExitOk;
    }
    terminal.line(fmt::format(
        "result     differs: recorded {}, now {}",
        recorded.succeeded ? describe(recorded.output) : "the error \"" + recorded.error + "\"",
        describe(now.output.value())));
    return kExitFailure;
}

base::Result<int> replay(const Invocation& invocation, Terminal& terminal) {
    WAVS_TRY(const auto file, one_file(invocation, "recorded run"));
    WAVS_TRY(const auto text, storage::read_file(file));
    auto record = base::to_bytes(text);
    WAVS_TRY(const auto local, LocalEngine::make(invocation.environment));
    WAVS_TRY(const auto info, rt::record_info(rt::native_library(), record));
    const types::ComponentDigest digest(info.digest);
    if (!invocation.has("--component") && !invocation.has("--node-data")) {
        return usage_error(
            "the component is needed: " + types::to_string(digest),
            "give its file with --component, or the node's data folder with --node-data");
    }
    WAVS_TRY(const auto found, local->add_component(component_path(invocation, digest)));
    if (found != digest) {
        return usage_error(fmt::format("the component is {}, the run was of {}",
                                       types::to_string(found), types::to_string(digest)),
                           "give the component of that digest");
    }
    terminal.line("component  " + types::to_string(digest));
    terminal.line(fmt::format("service    {}, workflow {}, {}",
                              types::to_string(types::ServiceId(info.service_id)), info.workflow_id,
                              rt::to_string(info.entry)));
    terminal.line(fmt::format("recorded   {} host calls", info.calls));
    WAVS_TRY(const auto outcome, local->replay(std::move(record)));
    return compare(info, outcome, terminal);
}

}  // namespace

std::span<const Flag> replay_flags() {
    static constexpr std::array kFlags = {
        Flag{"--component", "PATH", "the component's file"},
        Flag{"--node-data", "DIR", "or the data folder of the node that has it"},
    };
    return kFlags;
}

int run_replay(Invocation& invocation, Terminal& terminal) {
    return exit_status(replay(invocation, terminal), terminal);
}

}  // namespace wavs::cli
