// SPDX-License-Identifier: Apache-2.0
#include "run_commands.hpp"

#include "local_engine.hpp"
#include "wavs/base/hex.hpp"
#include "wavs/storage/data_dir.hpp"
#include "wavs/telemetry/log.hpp"
#include "wavs/types/event_id.hpp"

#include <array>
#include <charconv>

namespace wavs::cli {
namespace {

constexpr std::uint32_t kDefaultRuns = 4;
constexpr std::uint32_t kMostRuns = 100;

base::Error usage(std::string message, std::string remedy) {
    return {base::ErrorKind::Invalid, "usage", std::move(message), std::move(remedy)};
}

// One command's end: its error, or the status.
int ended(const base::Result<int>& result, Terminal& terminal) {
    if (result.has_value()) {
        return result.value();
    }
    terminal.error(result.error());
    return result.error().code() == "usage" ? kExitUsage : kExitFailure;
}

base::Result<std::filesystem::path> one_file(const Invocation& invocation, std::string_view what) {
    if (invocation.words.size() != 1) {
        return usage(fmt::format("one {} is needed", what), "name its file");
    }
    return invocation.cwd / invocation.words.front();
}

// As in the node's data folder: ca/<2 digits>/<2 digits>/<digest>.
std::filesystem::path component_path(const Invocation& invocation,
                                     const types::ComponentDigest& digest) {
    if (const auto file = invocation.value("--component")) {
        return invocation.cwd / *file;
    }
    const auto name = types::to_string(digest);
    const auto data = invocation.cwd / invocation.value("--node-data").value_or("");
    return data / "ca" / name.substr(0, 2) / name.substr(2, 2) / name;
}

std::string describe(const base::Bytes& output) {
    constexpr std::size_t kShown = 64;
    if (output.size() <= kShown) {
        return fmt::format("{} bytes: 0x{}", output.size(), base::hex(output));
    }
    return fmt::format("{} bytes", output.size());
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
    WAVS_TRY(const auto info, local->engine().record_info(record));
    const types::ComponentDigest digest(info.digest);
    if (!invocation.has("--component") && !invocation.has("--node-data")) {
        return usage("the component is needed: " + types::to_string(digest),
                     "give its file with --component, or the node's data folder with --node-data");
    }
    WAVS_TRY(const auto found, local->add_component(component_path(invocation, digest)));
    if (found != digest) {
        return usage(fmt::format("the component is {}, the run was of {}", types::to_string(found),
                                 types::to_string(digest)),
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

base::Result<std::uint32_t> runs_of(const Invocation& invocation) {
    const auto text = invocation.value("--runs").value_or(std::to_string(kDefaultRuns));
    std::uint32_t runs = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), runs);
    if (parsed.ptr != text.data() + text.size() || runs < 2 || runs > kMostRuns) {
        return usage(fmt::format("--runs {} is not a number from 2 to {}", text, kMostRuns),
                     "leave it out for 4");
    }
    return runs;
}

// "@file", "0x" and hex, or the text itself.
base::Result<base::Bytes> input_of(const Invocation& invocation) {
    const auto text = invocation.value("--input").value_or("");
    if (text.starts_with("@")) {
        WAVS_TRY(const auto bytes, storage::read_file(invocation.cwd / text.substr(1)));
        return base::to_bytes(bytes);
    }
    if (text.starts_with("0x")) {
        return base::parse_hex(text.substr(2));
    }
    return base::to_bytes(text);
}

// "key=value,key=value"
base::Result<std::map<std::string, std::string>> config_of(const Invocation& invocation) {
    std::map<std::string, std::string> out;
    auto left = std::string_view();
    const auto text = invocation.value("--config").value_or("");
    for (left = text; !left.empty();) {
        const auto comma = left.find(',');
        const auto entry = left.substr(0, comma);
        const auto equals = entry.find('=');
        if (equals == entry.npos) {
            return usage(fmt::format("--config has an entry without \"=\": {}", entry),
                         "write --config key=value,key=value");
        }
        out.emplace(entry.substr(0, equals), entry.substr(equals + 1));
        left = comma == left.npos ? std::string_view() : left.substr(comma + 1);
    }
    return out;
}

// A service of this one component, to which everything is allowed.
types::Service service_of(const types::ComponentDigest& digest,
                          std::map<std::string, std::string> config,
                          const std::map<std::string, std::string>& environment) {
    types::Component component;
    component.source = types::DigestSource{digest};
    component.permissions = {.allowed_http_hosts = types::AllHosts{},
                             .file_system = true,
                             .raw_sockets = true,
                             .dns_resolution = true};
    component.config = std::move(config);
    for (const auto& [name, value] : environment) {
        if (name.starts_with("WAVS_ENV")) {
            component.env_keys.insert(name);
        }
    }
    types::Service service;
    service.name = "Exec Service";
    service.manager = types::EvmManager{types::ChainKey::parse("evm:exec").value(), {}};
    service.workflows.emplace(
        types::WorkflowId::parse("default").value(),
        types::Workflow{types::ManualTrigger{}, std::move(component), types::SubmitNone{}});
    return service;
}

engine::OperatorJob job_of(const engine::ServiceSnapshot& service, const base::Bytes& input) {
    const auto workflow = types::WorkflowId::parse("default").value();
    auto action = std::make_shared<types::TriggerAction>(types::TriggerAction{
        {service.id, workflow, types::ManualTrigger{}}, types::RawData{input}});
    engine::OperatorJob job;
    job.event_id = types::default_event_id(*action);
    job.trace_id = types::trace_id_of(job.event_id);
    job.service = service;
    job.action = std::move(action);
    return job;
}

// Each run finds an empty store and no files.
base::Result<std::vector<base::Bytes>> record_runs(LocalEngine& local,
                                                   const engine::OperatorJob& job,
                                                   std::uint32_t runs) {
    std::vector<base::Bytes> records;
    for (std::uint32_t seed = 1; seed <= runs; ++seed) {
        WAVS_TRY(local.forget(job.service.id));
        WAVS_TRY(auto outcome, local.run(async::as_task(local.engine().run_recorded(job, seed))));
        if (outcome.record.empty()) {
            return std::move(outcome.output).error();
        }
        records.push_back(std::move(outcome.record));
    }
    return records;
}

base::Result<int> report(LocalEngine& local, const std::vector<base::Bytes>& records,
                         Terminal& terminal) {
    WAVS_TRY(const auto first, local.engine().record_info(records.front()));
    for (std::size_t i = 1; i < records.size(); ++i) {
        WAVS_TRY(const auto text, local.engine().records_difference(records.front(), records[i]));
        if (!text.empty()) {
            terminal.line(fmt::format("not deterministic (runs 1 and {}): {}", i + 1, text));
            return kExitFailure;
        }
    }
    terminal.line(fmt::format(
        "ok: {} runs with different clocks, random numbers and orders made the same {} host calls "
        "and ended the same: {}",
        records.size(), first.calls,
        first.succeeded ? describe(first.output) : "with the error \"" + first.error + "\""));
    return first.succeeded ? kExitOk : kExitFailure;
}

base::Result<int> determinism(const Invocation& invocation, Terminal& terminal) {
    WAVS_TRY(const auto file, one_file(invocation, "component"));
    WAVS_TRY(const auto runs, runs_of(invocation));
    WAVS_TRY(const auto input, input_of(invocation));
    WAVS_TRY(auto config, config_of(invocation));
    // What the component says so many times belongs to its replay.
    static_cast<void>(telemetry::configure_log({.directives = {"warn"}}));
    WAVS_TRY(const auto local, LocalEngine::make(invocation.environment));
    WAVS_TRY(const auto digest, local->add_component(file));
    const auto service = engine::make_snapshot(std::make_shared<types::Service>(
        service_of(digest, std::move(config), invocation.environment)));
    WAVS_TRY(const auto records, record_runs(*local, job_of(service, input), runs));
    return report(*local, records, terminal);
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
    return ended(replay(invocation, terminal), terminal);
}

std::span<const Flag> determinism_flags() {
    static constexpr std::array kFlags = {
        Flag{"--input", "TEXT", "what the trigger carries: text, 0x and hex, or @FILE"},
        Flag{"--config", "LIST", "the component's configuration: key=value,key=value"},
        Flag{"--runs", "NUMBER", "how often, 2 to 100 (default: 4)"},
    };
    return kFlags;
}

int run_determinism(Invocation& invocation, Terminal& terminal) {
    return ended(determinism(invocation, terminal), terminal);
}

}  // namespace wavs::cli
