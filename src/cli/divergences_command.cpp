// SPDX-License-Identifier: Apache-2.0
#include "divergences_command.hpp"

#include "node_line.hpp"
#include "wavs/types/json.hpp"
#include "wavs/types/json_read.hpp"

namespace wavs::cli {
namespace {

namespace json = types::json;

int failed(const base::Error& error, Terminal& terminal) {
    terminal.error(error);
    return kExitFailure;
}

std::string text_of(const json::Value& object, std::string_view name) {
    const auto found = object.find(name);
    return found ? std::string(found->text()) : std::string();
}

// "0xf39F... (this node)", and so on.
std::string signers_of(const json::Value& result) {
    std::string out;
    const auto signers = result.find("signers");
    if (!signers) {
        return out;
    }
    for (const auto& signer : signers->items()) {
        out += out.empty() ? "" : ", ";
        out += text_of(signer, "address");
        out += text_of(signer, "delivered_by") == "self" ? " (this node)" : "";
    }
    return out;
}

void add_event(const json::Value& event, std::vector<std::string>& out) {
    out.push_back(fmt::format("event {}  workflow {}  service {}", text_of(event, "event_id"),
                              text_of(event, "workflow_id"), text_of(event, "service_id")));
    std::size_t number = 0;
    if (const auto results = event.find("results")) {
        for (const auto& result : results->items()) {
            out.push_back(fmt::format("  result {}, signed by {}", ++number, signers_of(result)));
            out.push_back(
                fmt::format("    {} {}", text_of(result, "form"), text_of(result, "text")));
        }
    }
    if (const auto differences = event.find("differences")) {
        for (const auto& one : differences->items()) {
            const auto other = one.find("other");
            const auto place = other ? json::read_u64(*other) : base::Result<std::uint64_t>(1U);
            out.push_back(fmt::format("  at {}: {} in result 1, {} in result {}",
                                      text_of(one, "place"), text_of(one, "left"),
                                      text_of(one, "right"),
                                      place.has_value() ? place.value() + 1 : 0));
        }
    }
}

async::Task<int> list(NodeClient node, bool as_json, Terminal& terminal) {
    const auto answer = co_await node.divergences();
    if (!answer.has_value()) {
        co_return failed(answer.error(), terminal);
    }
    if (as_json) {
        terminal.line(answer.value());
        co_return kExitOk;
    }
    const auto lines = divergence_lines(answer.value());
    if (!lines.has_value()) {
        co_return failed(lines.error(), terminal);
    }
    for (const auto& line : lines.value()) {
        terminal.line(line);
    }
    co_return kExitOk;
}

}  // namespace

base::Result<std::vector<std::string>> divergence_lines(std::string_view answer) {
    WAVS_TRY(const auto document, json::Document::parse(answer));
    WAVS_TRY(const auto fields, json::Fields::of(document.root(), {"divergences"}));
    WAVS_TRY(const auto events, fields.required("divergences"));
    std::vector<std::string> out;
    for (const auto& event : events.items()) {
        add_event(event, out);
    }
    if (out.empty()) {
        out.emplace_back("the operators agree on all events this node remembers");
    }
    return out;
}

int run_divergences(Invocation& invocation, Terminal& terminal) {
    NodeLine line(invocation.config);
    return line.run(list(line.node(), invocation.config.json, terminal));
}

}  // namespace wavs::cli
