// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/net/http_client.hpp"
#include "wavs/types/chain_config.hpp"
#include "wavs/types/manifest.hpp"
#include "wavs/types/trigger_data.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wavs::cli {

/// The key a service signs with on one node.
struct SignerReply {
    std::uint32_t hd_index = 0;
    types::EvmAddress address;
};

struct ServicesReply {
    std::vector<types::Service> services;
    std::vector<types::ServiceId> ids;
    std::vector<types::ComponentDigest> component_digests;
};

struct SimulatedTrigger {
    types::TriggerAction action;
    std::uint64_t count = 1;
    bool wait_for_completion = true;
};

/// A component that has ended the node.
struct StruckComponent {
    types::ComponentDigest digest;
    bool quarantined = false;
    /// When.
    std::vector<types::Timestamp> strikes;
    std::vector<types::ServiceId> services;
};
/// Of the text that `NodeClient::quarantine` brings.
base::Result<std::vector<StruckComponent>> read_struck_components(std::string_view text);

/// What a node knows of its peers.
struct PeersReply {
    bool enabled = false;
    /// None without a network.
    std::optional<std::string> peer_id;
    std::vector<std::string> listen_addresses;
    std::vector<std::string> peer_ids;
    /// By topic: peers that have subscribed to it.
    std::map<std::string, std::uint64_t, std::less<>> topic_peers;
    std::map<std::string, std::uint64_t, std::less<>> counters;
};

/// What one chain's stream is subscribed to.
struct StreamReply {
    std::optional<std::string> endpoint;
    bool connected = false;
    bool requests_in_flight = false;
    /// Of all log subscriptions together.
    std::vector<types::EvmAddress> addresses;
    std::vector<types::Bytes32> topics;

    /// Connected, at rest, and both among its filters.
    bool watches(const types::EvmAddress& address, const types::Bytes32& topic) const;
};

/// A node's HTTP interface (docs/protocol/03-http.md). A refusal is an error with code
/// `node_refused`, whose message is "POST /services: 409 Conflict: <body>" and whose kind follows
/// the status; what never reached the node keeps the client's error. Copies are cheap; callable
/// from any strand.
class NodeClient {
public:
    NodeClient(net::HttpClient& http, std::string base_url,
               std::optional<std::string> bearer_token = std::nullopt)
        : http_(&http), base_url_(std::move(base_url)), token_(std::move(bearer_token)) {}

    const std::string& base_url() const { return base_url_; }

    struct Call {
        std::string method = "GET";
        /// Path and query.
        std::string target;
        std::string body;
        std::string content_type;
        base::Duration limit = std::chrono::seconds(60);
    };
    /// Whatever the node answers.
    async::Task<base::Result<net::ClientResponse>> send(Call call);
    /// A refusal is an error.
    async::Task<base::Result<std::string>> expect_success(Call call);

    async::Task<base::Result<void>> livez();
    async::Task<base::Result<std::string>> info();
    async::Task<base::Result<std::string>> config();
    async::Task<base::Result<std::string>> health();
    /// `GET /p2p/status`.
    async::Task<base::Result<PeersReply>> peers();

    async::Task<base::Result<ServicesReply>> services();
    /// None when the node does not have it.
    async::Task<base::Result<std::optional<types::Service>>> service(types::ServiceManager manager);
    async::Task<base::Result<void>> add_service(
        types::ServiceManager manager, std::optional<std::uint32_t> hd_index = std::nullopt);
    async::Task<base::Result<void>> remove_services(std::vector<types::ServiceManager> managers);
    async::Task<base::Result<SignerReply>> signer(types::ServiceManager manager);

    async::Task<base::Result<std::string>> service_states();
    async::Task<base::Result<void>> agree_to_permissions(types::ServiceDigest digest);
    async::Task<base::Result<void>> accept_empty_ledger(types::ServiceId service);

    /// The node's answer as it is.
    async::Task<base::Result<std::string>> divergences();
    async::Task<base::Result<std::string>> quarantine();
    async::Task<base::Result<void>> lift_quarantine(types::ComponentDigest digest);

    async::Task<base::Result<types::Service>> saved_manifest(types::ServiceDigest digest);
    async::Task<base::Result<types::ServiceDigest>> save_manifest(types::Service service);
    async::Task<base::Result<void>> register_saved(types::ServiceDigest digest);
    /// Where `saved_manifest` can be fetched.
    std::string manifest_url(const types::ServiceDigest& digest) const;
    async::Task<base::Result<types::ComponentDigest>> upload_component(base::Bytes component);
    async::Task<base::Result<void>> simulate_trigger(SimulatedTrigger trigger);
    async::Task<base::Result<std::map<types::ChainKey, StreamReply>>> trigger_streams();
    async::Task<base::Result<std::optional<base::Bytes>>> kv_read(types::ServiceId service,
                                                                  std::string bucket,
                                                                  std::string key);
    async::Task<base::Result<void>> add_chain(types::AddChainRequest request);
    /// JSON text of the node's last events; none when this node has no such route.
    async::Task<base::Result<std::optional<std::string>>> events(unsigned limit);

private:
    async::Task<base::Result<std::string>> post_json(std::string target, std::string body);

    net::HttpClient* http_;
    std::string base_url_;
    std::optional<std::string> token_;
};

/// For one segment of a path.
std::string percent_encode(std::string_view text);

}  // namespace wavs::cli
