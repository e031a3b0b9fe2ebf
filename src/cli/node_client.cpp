// SPDX-License-Identifier: Apache-2.0
#include "wavs/cli/node_client.hpp"

#include "wavs/types/json.hpp"
#include "wavs/types/json_read.hpp"
#include "wavs/types/manifest_json.hpp"

#include <algorithm>

namespace wavs::cli {
namespace {

namespace json = types::json;

// Registering compiles components and asks chains.
constexpr auto kLongLimit = std::chrono::seconds(150);

base::ErrorKind kind_of(unsigned status) {
    switch (status) {
        case 401:
        case 403:
            return base::ErrorKind::Denied;
        case 404:
            return base::ErrorKind::NotFound;
        case 409:
            return base::ErrorKind::Conflict;
        case 413:
            return base::ErrorKind::TooLarge;
        case 429:
            return base::ErrorKind::Overloaded;
        case 504:
            return base::ErrorKind::Timeout;
        default:
            return status < 500 ? base::ErrorKind::Invalid : base::ErrorKind::Unavailable;
    }
}

std::string wrap_manager(std::string_view name, const types::ServiceManager& manager) {
    std::string out;
    json::Writer writer(out);
    writer.begin_object();
    writer.key(name);
    types::write_json(writer, manager);
    writer.end_object();
    return out;
}

base::Result<types::Service> read_service(std::string_view text) {
    WAVS_TRY(auto parsed, types::parse_manifest(text));
    return std::move(parsed.service);
}

template <typename T, typename Read>
base::Result<std::vector<T>> read_list(const json::Value& list, Read read) {
    std::vector<T> out;
    for (const auto& item : list.items()) {
        WAVS_TRY(auto value, read(item));
        out.emplace_back(std::move(value));
    }
    return out;
}

base::Result<types::ComponentDigest> read_digest(std::string_view text, std::string_view member) {
    WAVS_TRY(const auto document, json::Document::parse(text));
    WAVS_TRY(const auto fields, json::Fields::of(document.root(), {member}));
    WAVS_TRY(const auto value, fields.required(member));
    return json::read_component_digest(value);
}

base::Result<void> read_subscriptions(const json::Value& subscriptions, StreamReply& out) {
    for (const auto& subscription : subscriptions.members()) {
        const auto logs = subscription.value.find("Logs");
        if (!logs) {
            continue;
        }
        WAVS_TRY(const auto fields, json::Fields::of(*logs, {"addresses", "topics"}));
        WAVS_TRY(const auto address_list, fields.required("addresses"));
        WAVS_TRY(const auto topic_list, fields.required("topics"));
        WAVS_TRY(const auto addresses,
                 read_list<types::EvmAddress>(address_list, json::read_evm_address));
        WAVS_TRY(const auto topics, read_list<types::Bytes32>(topic_list, json::read_bytes32));
        out.addresses.insert(out.addresses.end(), addresses.begin(), addresses.end());
        out.topics.insert(out.topics.end(), topics.begin(), topics.end());
    }
    return base::ok();
}

base::Result<StreamReply> read_stream(const json::Value& value) {
    StreamReply out;
    WAVS_TRY(const auto fields,
             json::Fields::of(value, {"current_endpoint", "is_connected",
                                      "any_active_rpcs_in_flight", "active_subscriptions"}));
    WAVS_TRY(out.endpoint, json::read_optional_string(fields.optional("current_endpoint")));
    WAVS_TRY(const auto connected, fields.required("is_connected"));
    WAVS_TRY(out.connected, json::read_bool(connected));
    WAVS_TRY(const auto in_flight, fields.required("any_active_rpcs_in_flight"));
    WAVS_TRY(out.requests_in_flight, json::read_bool(in_flight));
    WAVS_TRY(const auto subscriptions, fields.required("active_subscriptions"));
    WAVS_TRY(read_subscriptions(subscriptions, out));
    return out;
}

base::Result<std::map<types::ChainKey, StreamReply>> read_streams(std::string_view text) {
    WAVS_TRY(const auto document, json::Document::parse(text));
    WAVS_TRY(const auto fields, json::Fields::of(document.root(), {"chains"}));
    WAVS_TRY(const auto chains, fields.required("chains"));
    std::map<types::ChainKey, StreamReply> out;
    for (const auto& chain : chains.members()) {
        WAVS_TRY(auto key, types::ChainKey::parse(chain.name.text()));
        WAVS_TRY(auto stream, read_stream(chain.value));
        out.emplace(std::move(key), std::move(stream));
    }
    return out;
}

base::Result<ServicesReply> read_services(std::string_view text) {
    WAVS_TRY(const auto document, json::Document::parse(text));
    WAVS_TRY(const auto fields,
             json::Fields::of(document.root(), {"services", "service_ids", "component_digests"}));
    WAVS_TRY(const auto services, fields.required("services"));
    WAVS_TRY(const auto ids, fields.required("service_ids"));
    WAVS_TRY(const auto digests, fields.required("component_digests"));
    ServicesReply out;
    WAVS_TRY(out.services, read_list<types::Service>(services, [](const json::Value& item) {
                 return read_service(item.source());
             }));
    WAVS_TRY(out.ids, read_list<types::ServiceId>(ids, json::read_service_id));
    WAVS_TRY(out.component_digests,
             read_list<types::ComponentDigest>(digests, json::read_component_digest));
    return out;
}

base::Result<SignerReply> read_signer(std::string_view text) {
    WAVS_TRY(const auto document, json::Document::parse(text));
    WAVS_TRY(const auto outer, json::Fields::of(document.root(), {"secp256k1"}));
    WAVS_TRY(const auto inner, outer.required("secp256k1"));
    WAVS_TRY(const auto fields, json::Fields::of(inner, {"hd_index", "evm_address"}));
    WAVS_TRY(const auto index, fields.required("hd_index"));
    WAVS_TRY(const auto address, fields.required("evm_address"));
    SignerReply out;
    WAVS_TRY(out.hd_index, json::read_u32(index));
    WAVS_TRY(out.address, json::read_evm_address(address));
    return out;
}

base::Result<StruckComponent> read_struck_component(const json::Value& value) {
    WAVS_TRY(const auto fields,
             json::Fields::of(value, {"digest", "quarantined", "times_ns", "service_ids"}));
    StruckComponent out;
    WAVS_TRY(const auto digest, fields.required("digest"));
    WAVS_TRY(out.digest, json::read_component_digest(digest));
    WAVS_TRY(const auto quarantined, fields.required("quarantined"));
    WAVS_TRY(out.quarantined, json::read_bool(quarantined));
    WAVS_TRY(const auto times, fields.required("times_ns"));
    WAVS_TRY(const auto nanos, read_list<std::uint64_t>(times, json::read_u64));
    for (const auto at : nanos) {
        out.strikes.push_back({at});
    }
    WAVS_TRY(const auto services, fields.required("service_ids"));
    WAVS_TRY(out.services, read_list<types::ServiceId>(services, json::read_service_id));
    return out;
}

std::string trigger_body(const SimulatedTrigger& trigger) {
    std::string out;
    json::Writer writer(out);
    writer.begin_object();
    writer.key("service_id");
    writer.string(types::to_string(trigger.action.config.service_id));
    writer.key("workflow_id");
    writer.string(trigger.action.config.workflow_id.str());
    writer.key("trigger");
    types::write_json(writer, trigger.action.config.trigger);
    writer.key("data");
    types::write_json(writer, trigger.action.data);
    writer.key("count");
    writer.number(trigger.count);
    writer.key("wait_for_completion");
    writer.boolean(trigger.wait_for_completion);
    writer.end_object();
    return out;
}

base::Result<std::map<std::string, std::uint64_t, std::less<>>> read_counts(
    const std::optional<json::Value>& value) {
    std::map<std::string, std::uint64_t, std::less<>> out;
    if (!value || !value->is_object()) {
        return out;
    }
    for (const auto& [name, count] : value->members()) {
        WAVS_TRY(out[std::string(name.text())], json::read_u64(count));
    }
    return out;
}

base::Result<PeersReply> read_peers(std::string_view text) {
    WAVS_TRY(const auto document, json::Document::parse(text));
    const auto root = document.root();
    WAVS_TRY(const auto fields,
             json::Fields::of(root, {"enabled", "local_peer_id", "listen_addresses", "peer_ids"}));
    PeersReply out;
    WAVS_TRY(const auto enabled, fields.required("enabled"));
    WAVS_TRY(out.enabled, json::read_bool(enabled));
    WAVS_TRY(out.peer_id, json::read_optional_string(fields.optional("local_peer_id")));
    WAVS_TRY(const auto addresses, fields.required("listen_addresses"));
    WAVS_TRY(out.listen_addresses, read_list<std::string>(addresses, json::read_string));
    WAVS_TRY(const auto peers, fields.required("peer_ids"));
    WAVS_TRY(out.peer_ids, read_list<std::string>(peers, json::read_string));
    WAVS_TRY(out.topic_peers, read_counts(root.find("topic_peer_counts")));
    WAVS_TRY(out.counters, read_counts(root.find("counters")));
    return out;
}

}  // namespace

base::Result<std::vector<StruckComponent>> read_struck_components(std::string_view text) {
    WAVS_TRY(const auto document, json::Document::parse(text));
    WAVS_TRY(const auto fields, json::Fields::of(document.root(), {"components"}));
    WAVS_TRY(const auto components, fields.required("components"));
    return read_list<StruckComponent>(components, read_struck_component);
}

std::string percent_encode(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~';
        if (plain) {
            out += c;
        } else {
            out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
        }
    }
    return out;
}

bool StreamReply::watches(const types::EvmAddress& address, const types::Bytes32& topic) const {
    const auto has = [](const auto& list, const auto& item) {
        return std::find(list.begin(), list.end(), item) != list.end();
    };
    return connected && endpoint.has_value() && !requests_in_flight && has(addresses, address) &&
           has(topics, topic);
}

async::Task<base::Result<net::ClientResponse>> NodeClient::send(Call call) {
    net::ClientRequest request;
    request.method = std::move(call.method);
    request.url = base_url_ + call.target;
    request.body = std::move(call.body);
    request.total_timeout = call.limit;
    request.max_response_bytes = std::size_t{64} << 20;
    if (!call.content_type.empty()) {
        request.headers.add("content-type", std::move(call.content_type));
    }
    if (token_) {
        request.headers.add("authorization", "Bearer " + *token_);
    }
    co_return co_await http_->send(std::move(request));
}

async::Task<base::Result<std::string>> NodeClient::expect_success(Call call) {
    auto what = call.method + " " + call.target;
    auto response = co_await send(std::move(call));
    if (!response.has_value()) {
        co_return std::move(response).error().with("{}", what);
    }
    const auto status = response.value().status;
    if (status < 200 || status >= 300) {
        co_return base::Error(kind_of(status), "node_refused",
                              fmt::format("{}: {} {}: {}", what, status, net::status_name(status),
                                          response.value().body));
    }
    co_return std::move(response.value().body);
}

async::Task<base::Result<std::string>> NodeClient::post_json(std::string target, std::string body) {
    Call call;
    call.method = "POST";
    call.target = std::move(target);
    call.body = std::move(body);
    call.content_type = "application/json";
    call.limit = kLongLimit;
    co_return co_await expect_success(std::move(call));
}

async::Task<base::Result<void>> NodeClient::livez() {
    Call call{.target = "/livez", .limit = std::chrono::seconds(2)};
    WAVS_CO_TRY(co_await expect_success(std::move(call)));
    co_return base::ok();
}

async::Task<base::Result<std::string>> NodeClient::info() {
    Call call{.target = "/info"};
    co_return co_await expect_success(std::move(call));
}

async::Task<base::Result<std::string>> NodeClient::config() {
    Call call{.target = "/config"};
    co_return co_await expect_success(std::move(call));
}

async::Task<base::Result<std::string>> NodeClient::health() {
    Call call{.target = "/health"};
    co_return co_await expect_success(std::move(call));
}

async::Task<base::Result<PeersReply>> NodeClient::peers() {
    Call call{.target = "/p2p/status"};
    WAVS_CO_TRY(const auto body, co_await expect_success(std::move(call)));
    co_return read_peers(body);
}

async::Task<base::Result<ServicesReply>> NodeClient::services() {
    Call call{.target = "/services"};
    WAVS_CO_TRY(const auto body, co_await expect_success(std::move(call)));
    co_return read_services(body);
}

async::Task<base::Result<std::optional<types::Service>>> NodeClient::service(
    types::ServiceManager manager) {
    Call call{.target = fmt::format("/services/{}/{}", types::chain_of(manager).str(),
                                    types::address_text(manager))};
    auto body = co_await expect_success(std::move(call));
    if (!body.has_value() && body.error().kind() == base::ErrorKind::NotFound) {
        co_return std::optional<types::Service>();
    }
    WAVS_CO_TRY(const auto text, std::move(body));
    WAVS_CO_TRY(auto service, read_service(text));
    co_return std::optional<types::Service>(std::move(service));
}

async::Task<base::Result<void>> NodeClient::add_service(types::ServiceManager manager,
                                                        std::optional<std::uint32_t> hd_index) {
    std::string body;
    json::Writer writer(body);
    writer.begin_object();
    writer.key("service_manager");
    types::write_json(writer, manager);
    if (hd_index) {
        writer.key("hd_index");
        writer.number(std::uint64_t{*hd_index});
    }
    writer.end_object();
    WAVS_CO_TRY(co_await post_json("/services", std::move(body)));
    co_return base::ok();
}

async::Task<base::Result<void>> NodeClient::remove_services(
    std::vector<types::ServiceManager> managers) {
    Call call{.method = "DELETE", .target = "/services", .content_type = "application/json"};
    json::Writer writer(call.body);
    writer.begin_object();
    writer.key("service_managers");
    writer.begin_array();
    for (const auto& manager : managers) {
        types::write_json(writer, manager);
    }
    writer.end_array();
    writer.end_object();
    WAVS_CO_TRY(co_await expect_success(std::move(call)));
    co_return base::ok();
}

async::Task<base::Result<SignerReply>> NodeClient::signer(types::ServiceManager manager) {
    auto request = wrap_manager("service_manager", manager);
    WAVS_CO_TRY(const auto body, co_await post_json("/services/signer", std::move(request)));
    co_return read_signer(body);
}

async::Task<base::Result<std::string>> NodeClient::service_states() {
    Call call{.target = "/node/services"};
    co_return co_await expect_success(std::move(call));
}

async::Task<base::Result<void>> NodeClient::agree_to_permissions(types::ServiceDigest digest) {
    Call call{.method = "POST",
              .target = "/node/permissions/" + types::to_string(digest),
              .limit = kLongLimit};
    WAVS_CO_TRY(co_await expect_success(std::move(call)));
    co_return base::ok();
}

async::Task<base::Result<std::string>> NodeClient::divergences() {
    Call call{.target = "/node/divergences"};
    co_return co_await expect_success(std::move(call));
}

async::Task<base::Result<std::string>> NodeClient::quarantine() {
    Call call{.target = "/node/quarantine"};
    co_return co_await expect_success(std::move(call));
}

async::Task<base::Result<void>> NodeClient::lift_quarantine(types::ComponentDigest digest) {
    Call call{.method = "DELETE", .target = "/node/quarantine/" + types::to_string(digest)};
    WAVS_CO_TRY(co_await expect_success(std::move(call)));
    co_return base::ok();
}

async::Task<base::Result<void>> NodeClient::accept_empty_ledger(types::ServiceId service) {
    Call call{.method = "POST",
              .target = fmt::format("/node/ledger/{}/accept-empty", types::to_string(service))};
    WAVS_CO_TRY(co_await expect_success(std::move(call)));
    co_return base::ok();
}

async::Task<base::Result<types::Service>> NodeClient::saved_manifest(types::ServiceDigest digest) {
    Call call{.target = "/dev/services/" + types::to_string(digest)};
    WAVS_CO_TRY(const auto body, co_await expect_success(std::move(call)));
    co_return read_service(body);
}

async::Task<base::Result<types::ServiceDigest>> NodeClient::save_manifest(types::Service service) {
    auto request = types::to_json(service);
    WAVS_CO_TRY(const auto body, co_await post_json("/dev/services", std::move(request)));
    WAVS_CO_TRY(const auto digest, read_digest(body, "hash"));
    co_return types::ServiceDigest(digest.array());
}

async::Task<base::Result<void>> NodeClient::register_saved(types::ServiceDigest digest) {
    Call call{.method = "POST",
              .target = "/dev/services/" + types::to_string(digest),
              .limit = kLongLimit};
    WAVS_CO_TRY(co_await expect_success(std::move(call)));
    co_return base::ok();
}

std::string NodeClient::manifest_url(const types::ServiceDigest& digest) const {
    return base_url_ + "/dev/services/" + types::to_string(digest);
}

async::Task<base::Result<types::ComponentDigest>> NodeClient::upload_component(
    base::Bytes component) {
    Call call{.method = "POST",
              .target = "/dev/components",
              .body = std::string(base::as_text(component)),
              .content_type = "application/octet-stream",
              .limit = kLongLimit};
    WAVS_CO_TRY(const auto body, co_await expect_success(std::move(call)));
    co_return read_digest(body, "digest");
}

async::Task<base::Result<void>> NodeClient::simulate_trigger(SimulatedTrigger trigger) {
    auto body = trigger_body(trigger);
    WAVS_CO_TRY(co_await post_json("/dev/triggers", std::move(body)));
    co_return base::ok();
}

async::Task<base::Result<std::map<types::ChainKey, StreamReply>>> NodeClient::trigger_streams() {
    Call call{.target = "/dev/trigger-streams"};
    WAVS_CO_TRY(const auto body, co_await expect_success(std::move(call)));
    co_return read_streams(body);
}

async::Task<base::Result<std::optional<base::Bytes>>> NodeClient::kv_read(types::ServiceId service,
                                                                          std::string bucket,
                                                                          std::string key) {
    Call call{.target = fmt::format("/dev/kv/{}/{}/{}", types::to_string(service),
                                    percent_encode(bucket), percent_encode(key))};
    auto body = co_await expect_success(std::move(call));
    if (!body.has_value() && body.error().kind() == base::ErrorKind::NotFound) {
        co_return std::optional<base::Bytes>();
    }
    WAVS_CO_TRY(const auto text, std::move(body));
    co_return std::optional<base::Bytes>(base::to_bytes(std::string_view(text)));
}

async::Task<base::Result<void>> NodeClient::add_chain(types::AddChainRequest request) {
    auto body = types::to_json(request);
    WAVS_CO_TRY(co_await post_json("/dev/chains", std::move(body)));
    co_return base::ok();
}

async::Task<base::Result<std::optional<std::string>>> NodeClient::events(unsigned limit) {
    Call call{.target = fmt::format("/node/events?limit={}", limit)};
    auto body = co_await expect_success(std::move(call));
    if (!body.has_value() && body.error().kind() == base::ErrorKind::NotFound) {
        co_return std::optional<std::string>();
    }
    WAVS_CO_TRY(auto text, std::move(body));
    co_return std::optional<std::string>(std::move(text));
}

}  // namespace wavs::cli
