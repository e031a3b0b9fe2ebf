// SPDX-License-Identifier: Apache-2.0
#include "determinism_command.hpp"

#include "component_command.hpp"
#include "local_engine.hpp"
#include "wavs/base/hex.hpp"
#include "wavs/rt/native.hpp"
#include "wavs/storage/data_dir.hpp"
#include "wavs/telemetry/log.hpp"
#include "wavs/types/event_id.hpp"

#include <array>
#include <charconv>

namespace wavs::cli {
namespace {

constexpr std::uint32_t kDefaultRuns = 4;
constexpr std::uint32_t kMostRuns = 100;

base::Result<std::uint32_t> runs_of(const Invocation& invocation) {
    const auto text = invocation.value("--runs").value_or(std::to_string(kDefaultRuns));
    std::uint32_t runs = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), runs);
    if (parsed.ptr != text.data() + text.size() || runs < 2 || runs > kMostRuns) {
        return usage_error(fmt::format("--runs {} is not a number from 2 to {}", text, kMostRuns),
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
            return usage_error(fmt::format("--config has an entry without \"=\": {}", entry),
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

// For `wavs-cli replay`.
base::Result<void> keep_records(const Invocation& invocation,
                                const std::vector<base::Bytes>& records, Terminal& terminal) {
    const auto folder = invocation.value("--records");
    if (!folder) {
        return base::ok();
    }
    for (std::size_t i = 0; i < records.size(); ++i) {
        const auto file = invocation.cwd / *folder / fmt::format("run-{}.wavsrun", i + 1);
        WAVS_TRY(storage::write_file_atomically(file, base::as_text(records[i])));
        terminal.line("record     " + file.string());
    }
    return base::ok();
}

base::Result<int> report(const std::vector<base::Bytes>& records, Terminal& terminal) {
    WAVS_TRY(const auto first, rt::record_info(rt::native_library(), records.front()));
    for (std::size_t i = 1; i < records.size(); ++i) {
        WAVS_TRY(const auto text,
                 rt::records_difference(rt::native_library(), records.front(), records[i]));
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
    return kExitOk;
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
    WAVS_TRY(keep_records(invocation, records, terminal));
    return report(records, terminal);
}

}  // namespace

std::span<const Flag> determinism_flags() {
    static constexpr std::array kFlags = {
        Flag{"--input", "TEXT", "what the trigger carries: text, 0x and hex, or @FILE"},
        Flag{"--config", "LIST", "the component's configuration: key=value,key=value"},
        Flag{"--runs", "NUMBER", "how often, 2 to 100 (default: 4)"},
        Flag{"--records", "DIR", "keep a record of each run there, for `replay`"},
    };
    return kFlags;
}

int run_determinism(Invocation& invocation, Terminal& terminal) {
    return exit_status(determinism(invocation, terminal), terminal);
}

}  // namespace wavs::cli
