// SPDX-License-Identifier: Apache-2.0
#include "wavs/types/trigger.hpp"

#include "trigger_read.hpp"

#include "wavs/base/hex.hpp"

#include <algorithm>
#include <array>

namespace wavs::types {
namespace {

using base::Result;
using json::Fields;
using json::Value;
using json::Writer;

Result<Trigger> read_cosmos(const Value& value, const ChainReader& read_chain) {
    WAVS_TRY(const auto fields, Fields::of(value, {"address", "chain", "event_type"}));
    CosmosEventTrigger out;
    WAVS_TRY(const auto address, fields.required("address"));
    WAVS_TRY(out.address, json::read_cosmos_address(address));
    WAVS_TRY(out.chain, read_chain(fields));
    WAVS_TRY(const auto event_type, fields.required("event_type"));
    WAVS_TRY(out.event_type, json::read_string(event_type));
    return Trigger(std::move(out));
}

Result<Trigger> read_evm(const Value& value, const ChainReader& read_chain) {
    WAVS_TRY(const auto fields, Fields::of(value, {"address", "chain", "event_hash"}));
    EvmEventTrigger out;
    WAVS_TRY(const auto address, fields.required("address"));
    WAVS_TRY(out.address, json::read_evm_address(address));
    WAVS_TRY(out.chain, read_chain(fields));
    WAVS_TRY(const auto event_hash, fields.required("event_hash"));
    WAVS_TRY([[maybe_unused]] const auto text, json::read_string(event_hash));
    WAVS_TRY(out.event_hash, json::read_bytes32(event_hash));
    return Trigger(std::move(out));
}

Result<std::optional<std::uint64_t>> read_bound(const std::optional<Value>& value) {
    if (!value.has_value()) {
        return std::optional<std::uint64_t>();
    }
    WAVS_TRY(const auto block, json::read_nonzero_u64(*value));
    return std::optional(block);
}

Result<Trigger> read_interval(const Value& value, const ChainReader& read_chain) {
    WAVS_TRY(const auto fields,
             Fields::of(value, {"chain", "n_blocks", "start_block", "end_block"}));
    BlockIntervalTrigger out;
    WAVS_TRY(out.chain, read_chain(fields));
    WAVS_TRY(const auto n_blocks, fields.required("n_blocks"));
    WAVS_TRY(out.n_blocks, json::read_nonzero_u32(n_blocks));
    WAVS_TRY(out.start_block, read_bound(fields.optional("start_block")));
    WAVS_TRY(out.end_block, read_bound(fields.optional("end_block")));
    return Trigger(std::move(out));
}

Result<std::optional<Timestamp>> read_time(const std::optional<Value>& value) {
    WAVS_TRY(const auto nanos, json::read_optional_u64(value));
    return nanos.has_value() ? std::optional(Timestamp{*nanos}) : std::nullopt;
}

Result<Trigger> read_cron(const Value& value) {
    WAVS_TRY(const auto fields, Fields::of(value, {"schedule", "start_time", "end_time"}));
    CronTrigger out;
    WAVS_TRY(const auto schedule, fields.required("schedule"));
    WAVS_TRY(out.schedule, json::read_string(schedule));
    WAVS_TRY(out.start_time, read_time(fields.optional("start_time")));
    WAVS_TRY(out.end_time, read_time(fields.optional("end_time")));
    return Trigger(std::move(out));
}

Result<Trigger> read_at_proto(const Value& value) {
    WAVS_TRY(const auto fields, Fields::of(value, {"collection", "repo_did", "action"}));
    AtProtoTrigger out;
    WAVS_TRY(const auto collection, fields.required("collection"));
    WAVS_TRY(out.collection, json::read_string(collection));
    WAVS_TRY(out.repo_did, json::read_optional_string(fields.optional("repo_did")));
    if (const auto action = fields.optional("action")) {
        WAVS_TRY(out.action, read_at_proto_action(*action));
    }
    return Trigger(std::move(out));
}

Result<Trigger> read_hypercore(const Value& value) {
    WAVS_TRY(const auto fields, Fields::of(value, {"feed_key"}));
    HypercoreTrigger out;
    WAVS_TRY(const auto feed_key, fields.required("feed_key"));
    WAVS_TRY(out.feed_key, json::read_string(feed_key));
    return Trigger(std::move(out));
}

void write_optional(Writer& out, std::string_view name, const std::optional<std::uint64_t>& value) {
    out.key(name);
    value.has_value() ? out.number(*value) : out.null();
}

void write_optional(Writer& out, std::string_view name, const std::optional<Timestamp>& value) {
    write_optional(out, name, value.has_value() ? std::optional(value->nanos) : std::nullopt);
}

/// Writes the object under a variant's tag.
struct TriggerWriter {
    Writer& out;

    void text(std::string_view name, std::string_view value) const {
        out.key(name);
        out.string(value);
    }
    void operator()(const ManualTrigger&) const {}
    void operator()(const CosmosEventTrigger& t) const {
        text("address", t.address.str());
        text("chain", t.chain.str());
        text("event_type", t.event_type);
    }
    void operator()(const EvmEventTrigger& t) const {
        text("address", to_string(t.address));
        text("chain", t.chain.str());
        text("event_hash", to_string(t.event_hash));
    }
    void operator()(const BlockIntervalTrigger& t) const {
        text("chain", t.chain.str());
        out.key("n_blocks");
        out.number(std::uint64_t{t.n_blocks});
        write_optional(out, "start_block", t.start_block);
        write_optional(out, "end_block", t.end_block);
    }
    void operator()(const CronTrigger& t) const {
        text("schedule", t.schedule);
        write_optional(out, "start_time", t.start_time);
        write_optional(out, "end_time", t.end_time);
    }
    void operator()(const AtProtoTrigger& t) const {
        text("collection", t.collection);
        out.key("repo_did");
        t.repo_did.has_value() ? out.string(*t.repo_did) : out.null();
        out.key("action");
        t.action.has_value() ? out.string(to_string(*t.action)) : out.null();
    }
    void operator()(const HypercoreTrigger& t) const { text("feed_key", t.feed_key); }
};

/// In the order of the variant.
constexpr std::array<std::string_view, 7> kTags = {
    "manual", "cosmos_contract_event", "evm_contract_event", "block_interval",
    "cron",   "at_proto_event",        "hypercore_append"};
constexpr std::array<std::string_view, 7> kMetricNames = {
    "manual", "cosmos_contract_event", "evm_contract_event", "block_interval",
    "cron",   "atproto_event",         "hypercore_append"};
constexpr std::array<std::string_view, 3> kActions = {"create", "update", "delete"};

struct ChainOf {
    const ChainKey* operator()(const CosmosEventTrigger& t) const { return &t.chain; }
    const ChainKey* operator()(const EvmEventTrigger& t) const { return &t.chain; }
    const ChainKey* operator()(const BlockIntervalTrigger& t) const { return &t.chain; }
    template <typename Other>
    const ChainKey* operator()(const Other&) const {
        return nullptr;
    }
};

}  // namespace

std::string_view to_string(AtProtoAction action) {
    return kActions.at(static_cast<std::size_t>(action));
}

std::string_view metric_name(const Trigger& trigger) { return kMetricNames.at(trigger.index()); }

const ChainKey* chain_of(const Trigger& trigger) { return std::visit(ChainOf(), trigger); }

Result<Bytes32> decode_feed_key(std::string_view text) {
    constexpr std::string_view kBlanks = " \t\r\n";
    const std::size_t first = text.find_first_not_of(kBlanks);
    const std::size_t last = text.find_last_not_of(kBlanks);
    const bool blank = first == std::string_view::npos;
    auto key = parse_bytes32(blank ? "" : text.substr(first, last - first + 1));
    if (!key.has_value()) {
        return base::Error(base::ErrorKind::Invalid, "feed_key",
                           fmt::format("feed key '{}': {}", text, key.error().message()),
                           "write the 32 bytes of the key as 64 hex digits");
    }
    return key;
}

Result<ChainKey> read_plain_chain(const Fields& fields) {
    WAVS_TRY(const auto chain, fields.required("chain"));
    return json::read_chain_key(chain);
}

Result<AtProtoAction> read_at_proto_action(const Value& value) {
    WAVS_TRY(const auto variant, json::read_variant(value));
    for (std::size_t i = 0; i < kActions.size(); ++i) {
        if (variant.tag == kActions.at(i)) {
            WAVS_TRY(variant.expect_unit());
            return static_cast<AtProtoAction>(i);
        }
    }
    return variant.unknown({"create", "update", "delete"});
}

Result<Trigger> read_trigger(const Value& value, const ChainReader& read_chain) {
    WAVS_TRY(const auto variant, json::read_variant(value));
    if (variant.tag == "manual") {
        WAVS_TRY(variant.expect_unit());
        return Trigger(ManualTrigger{});
    }
    if (std::find(kTags.begin(), kTags.end(), variant.tag) == kTags.end()) {
        return variant.unknown({"cosmos_contract_event", "evm_contract_event", "block_interval",
                                "cron", "at_proto_event", "hypercore_append", "manual"});
    }
    WAVS_TRY(const auto content, variant.expect_content());
    if (variant.tag == "cosmos_contract_event") {
        return read_cosmos(content, read_chain);
    }
    if (variant.tag == "evm_contract_event") {
        return read_evm(content, read_chain);
    }
    if (variant.tag == "block_interval") {
        return read_interval(content, read_chain);
    }
    if (variant.tag == "cron") {
        return read_cron(content);
    }
    return variant.tag == "at_proto_event" ? read_at_proto(content) : read_hypercore(content);
}

Result<Trigger> read_trigger(const Value& value) { return read_trigger(value, &read_plain_chain); }

void write_json(Writer& out, const Trigger& trigger) {
    const std::string_view tag = kTags.at(trigger.index());
    if (std::holds_alternative<ManualTrigger>(trigger)) {
        out.string(tag);
        return;
    }
    out.begin_object();
    out.key(tag);
    out.begin_object();
    std::visit(TriggerWriter{out}, trigger);
    out.end_object();
    out.end_object();
}

}  // namespace wavs::types
