// SPDX-License-Identifier: Apache-2.0
#include "host_services.hpp"

#include "flat.hpp"
#include "wavs/telemetry/log.hpp"
#include "wavs/types/event_id.hpp"

namespace wavs::engine {
namespace {

constexpr std::string_view kTarget = "component";

telemetry::Level level_of(rt::LogLevel level) {
    switch (level) {
        case rt::LogLevel::Error:
            return telemetry::Level::Error;
        case rt::LogLevel::Warn:
            return telemetry::Level::Warn;
        case rt::LogLevel::Info:
            return telemetry::Level::Info;
        case rt::LogLevel::Debug:
            return telemetry::Level::Debug;
        case rt::LogLevel::Trace:
            return telemetry::Level::Trace;
    }
    return telemetry::Level::Info;
}

std::string_view name_of(rt::LogSource source) {
    switch (source) {
        case rt::LogSource::Host:
            return "log";
        case rt::LogSource::Stdout:
            return "stdout";
        case rt::LogSource::Stderr:
            return "stderr";
        case rt::LogSource::Notice:
            return "node";
    }
    return "log";
}

types::ServiceId service_of(const rt::Origin& origin) {
    return types::ServiceId(origin.service_id);
}

// What the guest may know of a failure. The store's own errors name files and devices: those go to
// the node's log.
base::Bytes guest_text(const base::Error& error, const rt::Origin& origin) {
    if (error.kind() == base::ErrorKind::Unavailable || error.kind() == base::ErrorKind::Bug) {
        telemetry::log_failure(telemetry::Level::Error, "engine", "key-value call", error,
                               {{"service_id", types::to_string(service_of(origin))}});
        return base::to_bytes("the node's storage is not available");
    }
    return base::to_bytes(error.message());
}

rt::Reply failed(const base::Error& error, const rt::Origin& origin) {
    return {rt::Answer::Other, guest_text(error, origin)};
}

rt::Reply answer(const base::Result<void>& result, const rt::Origin& origin) {
    return result.has_value() ? rt::Reply{} : failed(result.error(), origin);
}

}  // namespace

HostServices::HostServices(KeyValue& kv)
    : kv_(kv), chains_(std::make_shared<const types::ChainConfigs>()) {}

void HostServices::set_chains(std::shared_ptr<const types::ChainConfigs> chains) {
    const std::lock_guard lock(mutex_);
    chains_ = std::move(chains);
}

std::shared_ptr<const types::ChainConfigs> HostServices::chains() const {
    const std::lock_guard lock(mutex_);
    return chains_;
}

void HostServices::log(const rt::Origin& origin, rt::LogLevel level, rt::LogSource source,
                       std::string_view text) {
    const auto mapped = level_of(level);
    if (!telemetry::log_enabled(mapped, kTarget)) {
        return;
    }
    telemetry::log(mapped, kTarget, text,
                   {{"service_id", types::to_string(service_of(origin))},
                    {"workflow_id", origin.workflow_id},
                    {"digest", types::to_string(types::ComponentDigest(origin.digest))},
                    {"trace_id", types::to_string(types::TraceId(origin.trace_id))},
                    {"stream", name_of(source)}});
}

std::optional<base::Bytes> HostServices::chain_config(const rt::Origin& /*origin*/,
                                                      rt::ChainFamily family,
                                                      std::string_view chain_key) {
    const auto key = types::ChainKey::parse(chain_key);
    if (!key.has_value()) {
        return std::nullopt;
    }
    const auto known = chains();
    const auto* found = known->find(key.value());
    if (found == nullptr) {
        return std::nullopt;
    }
    if (family == rt::ChainFamily::Evm && found->evm() != nullptr) {
        return flat_evm_chain(*found);
    }
    if (family == rt::ChainFamily::Cosmos && found->cosmos() != nullptr) {
        return flat_cosmos_chain(*found);
    }
    return std::nullopt;
}

std::optional<rt::EventIdBytes> HostServices::event_id(const rt::Origin& origin,
                                                       base::ByteView salt) {
    const auto workflow = types::WorkflowId::parse(origin.workflow_id);
    if (!workflow.has_value()) {
        return std::nullopt;
    }
    return types::event_id(service_of(origin), workflow.value(), salt).array();
}

rt::Reply HostServices::kv_get(const rt::Origin& origin, std::string_view bucket,
                               std::string_view key) {
    auto found = kv_.get(service_of(origin), bucket, key);
    if (!found.has_value()) {
        return failed(found.error(), origin);
    }
    if (!found.value()) {
        return {rt::Answer::Absent, {}};
    }
    return {rt::Answer::Ok, std::move(*found.value())};
}

rt::Reply HostServices::kv_exists(const rt::Origin& origin, std::string_view bucket,
                                  std::string_view key) {
    auto reply = kv_get(origin, bucket, key);
    if (reply.answer == rt::Answer::Ok) {
        reply.bytes.clear();
    }
    return reply;
}

rt::Reply HostServices::kv_set(const rt::Origin& origin, std::string_view bucket,
                               std::string_view key, base::ByteView value) {
    return answer(kv_.set(service_of(origin), bucket, key, value), origin);
}

rt::Reply HostServices::kv_delete(const rt::Origin& origin, std::string_view bucket,
                                  std::string_view key) {
    return answer(kv_.erase(service_of(origin), bucket, key), origin);
}

rt::Reply HostServices::kv_list(const rt::Origin& origin, std::string_view bucket,
                                std::optional<std::string_view> cursor) {
    const auto page = kv_.list(service_of(origin), bucket, cursor);
    if (!page.has_value()) {
        return failed(page.error(), origin);
    }
    return {rt::Answer::Ok, flat_key_response(page.value().keys, page.value().cursor)};
}

rt::NumberReply HostServices::kv_increment(const rt::Origin& origin, std::string_view bucket,
                                           std::string_view key, std::int64_t delta) {
    const auto sum = kv_.increment(service_of(origin), bucket, key, delta);
    if (!sum.has_value()) {
        return {rt::Answer::Other, guest_text(sum.error(), origin), 0};
    }
    return {rt::Answer::Ok, {}, sum.value()};
}

rt::Reply HostServices::kv_compare_and_swap(const rt::Origin& origin, std::string_view bucket,
                                            std::string_view key,
                                            std::optional<base::ByteView> expected,
                                            base::ByteView value) {
    const auto swapped = kv_.compare_and_swap(service_of(origin), bucket, key, expected, value);
    if (!swapped.has_value()) {
        return failed(swapped.error(), origin);
    }
    return {swapped.value() == KeyValue::Swap::Done ? rt::Answer::Ok : rt::Answer::Changed, {}};
}

}  // namespace wavs::engine
