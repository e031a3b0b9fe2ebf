// SPDX-License-Identifier: Apache-2.0
#include "results.hpp"

#include <algorithm>

namespace wavs::engine {
namespace {

base::Error salt_error(std::size_t index, std::size_t count) {
    return {base::ErrorKind::Guest, "missing_event_id_salt",
            fmt::format("response {} of {} has no event-id-salt", index, count),
            "give each response of a run a salt of its own"};
}

base::Error payload_error(std::size_t index, std::size_t size, std::uint64_t limit) {
    return {base::ErrorKind::Guest, "payload_too_large",
            fmt::format("the payload of response {} has {} bytes, the limit is {}", index, size,
                        limit)};
}

base::Error count_error(std::size_t count, std::size_t limit) {
    return {base::ErrorKind::Guest, "too_many_responses",
            fmt::format("the run gave {} responses, the limit is {}", count, limit),
            "put more into each response"};
}

base::Error selection_error(std::string reason) {
    return {base::ErrorKind::Guest, "select_indices", std::move(reason),
            "let the component return each index once, below the number of entries"};
}

}  // namespace

base::Result<CheckedResponses> check_responses(std::vector<types::WasmResponse> responses,
                                               const Limits& limits, Submits submits) {
    const std::uint64_t limit = submits == Submits::Yes
                                    ? std::min(limits.submitted_payload_bytes, limits.payload_bytes)
                                    : limits.payload_bytes;
    if (responses.size() > limits.responses) {
        return count_error(responses.size(), limits.responses);
    }
    for (std::size_t i = 0; i < responses.size(); ++i) {
        if (responses.size() > 1 && !responses[i].event_id_salt) {
            return salt_error(i, responses.size());
        }
        if (responses[i].payload.size() > limit) {
            return payload_error(i, responses[i].payload.size(), limit);
        }
    }
    CheckedResponses out;
    // Salt -> place in `out`; sorted, since a run may return thousands.
    std::map<base::Bytes, std::size_t> seen;
    for (auto& response : responses) {
        if (response.event_id_salt) {
            const auto [place, fresh] = seen.emplace(*response.event_id_salt, out.responses.size());
            if (!fresh) {
                const bool equal = out.responses[place->second].payload == response.payload;
                out.dropped += equal ? 0 : 1;
                continue;
            }
        }
        out.responses.push_back(std::move(response));
    }
    return out;
}

base::Result<void> check_actions(const std::vector<types::AggregatorAction>& actions,
                                 const Limits& limits) {
    if (actions.size() > limits.actions) {
        return base::Error(
            base::ErrorKind::Guest, "too_many_actions",
            fmt::format("the run gave {} actions, the limit is {}", actions.size(), limits.actions),
            "ask for fewer timers and submissions at once");
    }
    return base::ok();
}

base::Result<Selection> check_selection(std::vector<std::uint32_t> indices, std::size_t entries) {
    for (const auto index : indices) {
        if (index >= entries) {
            return selection_error(
                fmt::format("select chose index {} out of {} entries", index, entries));
        }
    }
    std::sort(indices.begin(), indices.end());
    const auto twice = std::adjacent_find(indices.begin(), indices.end());
    if (twice != indices.end()) {
        return selection_error(fmt::format("select chose index {} twice", *twice));
    }
    return indices;
}

}  // namespace wavs::engine
