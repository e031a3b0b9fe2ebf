// SPDX-License-Identifier: Apache-2.0
#include "json_out.hpp"

#include "json_members.hpp"
#include "wavs/types/json.hpp"
#include "wavs/types/manifest_json.hpp"

#include <algorithm>

namespace wavs::http {
namespace {

using types::json::Writer;

void text_or_null(Writer& json, std::string_view name, const std::optional<std::string>& text) {
    json.key(name);
    text.has_value() ? json.string(*text) : json.null();
}

void counts(Writer& json, std::string_view name, const std::map<std::string, std::uint64_t>& by) {
    json.key(name);
    json.begin_object();
    for (const auto& [topic, count] : by) {
        json.key(topic);
        json.number(count);
    }
    json.end_object();
}

// What other nodes do not show.
void write_network(Writer& json, const P2pStatus& status) {
    json.key("peers");
    json.begin_array();
    for (const PeerInfo& peer : status.peers) {
        json.begin_object();
        text_member(json, "peer_id", peer.peer_id);
        json.key("score");
        // The library has it with this precision.
        json.number(static_cast<float>(peer.score));
        text_member(json, "agent", peer.agent);
        json.key("foreign");
        json.boolean(peer.foreign);
        json.end_object();
    }
    json.end_array();
    json.key("counters");
    json.begin_object();
    for (const auto& [name, value] : status.counters) {
        json.key(name);
        json.number(value);
    }
    json.end_object();
    json.key("pending_publishes");
    json.number(status.pending_publishes);
    json.key("waiting_events");
    json.number(status.waiting_events);
    json.key("unjudged");
    json.number(status.unjudged);
}

void write_failing(Writer& json, const HealthStatus& health) {
    json.key("endpoints");
    json.begin_object();
    for (const auto& [chain, state] : health.chains) {
        if (state.failing_endpoints.empty()) {
            continue;
        }
        json.key(chain.str());
        json.begin_array();
        for (const EndpointFailure& failure : state.failing_endpoints) {
            json.begin_object();
            text_member(json, "endpoint", failure.endpoint);
            text_member(json, "error", failure.error);
            json.end_object();
        }
        json.end_array();
    }
    json.end_object();
}

void write_warnings(Writer& json, const HealthStatus& health) {
    json.key("warnings");
    json.begin_object();
    for (const auto& [chain, state] : health.chains) {
        if (!state.warnings.empty()) {
            text_list(json, chain.str(), state.warnings);
        }
    }
    json.end_object();
}

void write_subscription(Writer& json, const Subscription& subscription) {
    const auto* logs = std::get_if<LogsSubscription>(&subscription);
    if (logs == nullptr) {
        const bool heads = std::holds_alternative<NewHeadsSubscription>(subscription);
        json.string(heads ? "NewHeads" : "NewPendingTransactions");
        return;
    }
    json.begin_object();
    json.key("Logs");
    json.begin_object();
    json.key("addresses");
    json.begin_array();
    for (const auto& address : logs->addresses) {
        json.string(types::to_string(address));
    }
    json.end_array();
    json.key("topics");
    json.begin_array();
    for (const auto& topic : logs->topics) {
        json.string(types::to_string(topic));
    }
    json.end_array();
    json.end_object();
    json.end_object();
}

void write_coverage(Writer& json, const ChainCoverage& coverage) {
    json.begin_object();
    json.key("head");
    json.number(coverage.head);
    json.key("covered_to");
    json.number(coverage.covered_to);
    json.key("gap_blocks");
    json.number(coverage.gap_blocks);
    json.key("reorgs");
    json.number(coverage.reorgs);
    json.key("block_workflows");
    json.number(std::uint64_t{coverage.block_workflows});
    json.key("next_block");
    if (coverage.next_block) {
        json.number(*coverage.next_block);
    } else {
        json.null();
    }
    json.key("pair_count");
    json.number(std::uint64_t{coverage.pair_count});
    json.key("pairs");
    json.begin_array();
    for (const auto& pair : coverage.pairs) {
        json.begin_object();
        text_member(json, "address", types::to_string(pair.address));
        text_member(json, "topic", types::to_string(pair.topic));
        json.key("blocks");
        json.begin_array();
        for (const auto& [from, to] : pair.blocks) {
            json.begin_array();
            json.number(from);
            json.number(to);
            json.end_array();
        }
        json.end_array();
        json.end_object();
    }
    json.end_array();
    json.end_object();
}

void write_endpoint(Writer& json, const ChainEndpoint& endpoint) {
    json.begin_object();
    text_member(json, "endpoint", endpoint.endpoint);
    json.key("in_use");
    json.boolean(endpoint.in_use);
    json.key("usable");
    json.boolean(endpoint.usable);
    json.key("recent_failures");
    json.number(endpoint.recent_failures);
    text_or_null(json, "last_error", endpoint.last_error);
    json.end_object();
}

void write_stream(Writer& json, const ChainStream& stream) {
    json.begin_object();
    text_or_null(json, "current_endpoint", stream.current_endpoint);
    json.key("is_connected");
    json.boolean(stream.is_connected);
    json.key("any_active_rpcs_in_flight");
    json.boolean(stream.any_active_rpcs_in_flight);
    json.key("active_subscriptions");
    json.begin_object();
    for (const auto& [id, subscription] : stream.active_subscriptions) {
        json.key(id);
        write_subscription(json, subscription);
    }
    json.end_object();
    json.key("coverage");
    write_coverage(json, stream.coverage);
    json.key("endpoints");
    json.begin_array();
    for (const auto& endpoint : stream.endpoints) {
        write_endpoint(json, endpoint);
    }
    json.end_array();
    json.end_object();
}

std::string one_member(std::string_view name, std::string_view text) {
    std::string out;
    Writer json(out);
    json.begin_object();
    text_member(json, name, text);
    json.end_object();
    return out;
}

}  // namespace

std::string to_json(const HealthStatus& health) {
    std::string out;
    Writer json(out);
    json.begin_object();
    json.key("timestamp");
    json.number(health.timestamp.seconds());
    json.key("chains");
    json.begin_object();
    bool failing = false;
    bool warned = false;
    for (const auto& [chain, state] : health.chains) {
        failing = failing || !state.failing_endpoints.empty();
        warned = warned || !state.warnings.empty();
        json.key(chain.str());
        if (!state.error.has_value()) {
            json.string("healthy");
            continue;
        }
        json.begin_object();
        json.key("unhealthy");
        json.begin_object();
        text_member(json, "error", *state.error);
        json.end_object();
        json.end_object();
    }
    json.end_object();
    if (failing) {
        write_failing(json, health);
    }
    if (warned) {
        write_warnings(json, health);
    }
    json.end_object();
    return out;
}

std::string to_json(const P2pStatus& status) {
    std::string out;
    Writer json(out);
    json.begin_object();
    json.key("enabled");
    json.boolean(status.enabled);
    text_or_null(json, "local_peer_id", status.local_peer_id);
    text_list(json, "listen_addresses", status.listen_addresses);
    text_list(json, "external_addresses", status.external_addresses);
    json.key("connected_peers");
    json.number(std::uint64_t{status.peer_ids.size()});
    text_list(json, "peer_ids", status.peer_ids);
    text_list(json, "subscribed_topics", status.subscribed_topics);
    counts(json, "topic_peer_counts", status.topic_peer_counts);
    counts(json, "topic_mesh_peer_counts", status.topic_mesh_peer_counts);
    if (status.enabled) {
        write_network(json, status);
    }
    json.end_object();
    return out;
}

std::string to_json(ServiceList list) {
    std::map<types::ServiceId, const types::Service*> by_id;
    for (const types::Service& service : list.services) {
        by_id.emplace(service.id(), &service);
    }
    std::sort(list.component_digests.begin(), list.component_digests.end());
    std::string out;
    Writer json(out);
    json.begin_object();
    json.key("services");
    json.begin_array();
    for (const auto& [id, service] : by_id) {
        types::write_json(json, *service);
    }
    json.end_array();
    json.key("service_ids");
    json.begin_array();
    for (const auto& [id, service] : by_id) {
        json.string(types::to_string(id));
    }
    json.end_array();
    json.key("component_digests");
    json.begin_array();
    for (const auto& digest : list.component_digests) {
        json.string(types::to_string(digest));
    }
    json.end_array();
    json.end_object();
    return out;
}

std::string to_json(const SignerInfo& signer) {
    std::string out;
    Writer json(out);
    json.begin_object();
    json.key("secp256k1");
    json.begin_object();
    json.key("hd_index");
    json.number(std::uint64_t{signer.hd_index});
    text_member(json, "evm_address", types::to_checksum_string(signer.address));
    json.end_object();
    json.end_object();
    return out;
}

std::string to_json(const TriggerStreams& streams) {
    std::string out;
    Writer json(out);
    json.begin_object();
    json.key("chains");
    json.begin_object();
    for (const auto& [chain, stream] : streams.chains) {
        json.key(chain.str());
        write_stream(json, stream);
    }
    json.end_object();
    json.key("hypercore");
    json.begin_object();
    for (const auto& [feed, state] : streams.hypercore) {
        text_member(json, feed, to_string(state));
    }
    json.end_object();
    json.end_object();
    return out;
}

std::string to_json(const types::ServiceDigest& saved) {
    return one_member("hash", types::to_string(saved));
}
std::string to_json(const types::ComponentDigest& uploaded) {
    return one_member("digest", types::to_string(uploaded));
}

std::string readiness_json(const std::vector<std::string>& reasons) {
    std::string out;
    Writer json(out);
    json.begin_object();
    json.key("ready");
    json.boolean(reasons.empty());
    text_list(json, "reasons", reasons);
    json.end_object();
    return out;
}

std::string_view to_string(FeedState state) {
    switch (state) {
        case FeedState::Waiting:
            return "waiting";
        case FeedState::Connecting:
            return "connecting";
        case FeedState::Connected:
            return "connected";
    }
    return {};
}

std::string_view to_string(RunState state) {
    switch (state) {
        case RunState::Active:
            return "active";
        case RunState::Paused:
            return "paused";
        case RunState::Degraded:
            return "degraded";
        case RunState::Held:
            return "held";
        case RunState::WaitingForChain:
            return "waiting_for_chain";
    }
    return {};
}

}  // namespace wavs::http
