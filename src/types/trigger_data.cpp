// SPDX-License-Identifier: Apache-2.0
#include "wavs/types/trigger_data.hpp"

#include "wavs/base/hex.hpp"
#include "wavs/types/json_read.hpp"

#include <array>

namespace wavs::types {
namespace {

using base::Result;
using json::Fields;
using json::Value;
using json::Writer;

/// `WAVS_TRY` of a required member in one step.
template <typename T>
Result<T> member(const Fields& fields, std::string_view name, Result<T> (*read)(const Value&)) {
    WAVS_TRY(const auto value, fields.required(name));
    return read(value);
}

Result<std::string> text_member(const Fields& fields, std::string_view name) {
    WAVS_TRY(const auto text, member(fields, name, &json::read_string));
    return std::string(text);
}

Result<std::vector<CosmosAttribute>> read_attributes(const Value& value) {
    if (!value.is_array()) {
        return json::invalid_type(value, "a sequence");
    }
    std::vector<CosmosAttribute> out;
    for (const Value item : value.items()) {
        WAVS_TRY(const auto fields, Fields::of(item, {"key", "value"}));
        CosmosAttribute attribute;
        WAVS_TRY(attribute.key, text_member(fields, "key"));
        WAVS_TRY(attribute.value, text_member(fields, "value"));
        out.push_back(std::move(attribute));
    }
    return out;
}

Result<TriggerData> read_cosmos(const Value& value) {
    WAVS_TRY(const auto fields, Fields::of(value, {"contract_address", "chain", "event",
                                                   "block_height", "event_index"}));
    CosmosEventData out;
    WAVS_TRY(out.contract_address, member(fields, "contract_address", &json::read_cosmos_address));
    WAVS_TRY(out.chain, member(fields, "chain", &json::read_chain_key));
    WAVS_TRY(const auto event_value, fields.required("event"));
    WAVS_TRY(const auto event, Fields::of(event_value, {"type", "attributes"}));
    WAVS_TRY(out.event_type, text_member(event, "type"));
    WAVS_TRY(out.attributes, member(event, "attributes", &read_attributes));
    WAVS_TRY(out.block_height, member(fields, "block_height", &json::read_u64));
    WAVS_TRY(out.event_index, member(fields, "event_index", &json::read_u64));
    return TriggerData(std::move(out));
}

Result<std::vector<Bytes32>> read_topics(const Value& value) {
    if (!value.is_array()) {
        return json::invalid_type(value, "a sequence");
    }
    std::vector<Bytes32> out;
    for (const Value item : value.items()) {
        WAVS_TRY(const auto topic, json::read_bytes32(item));
        out.push_back(topic);
    }
    return out;
}

Result<TriggerData> read_evm(const Value& value) {
    WAVS_TRY(const auto fields,
             Fields::of(value, {"chain", "contract_address", "log_data", "tx_hash", "block_number",
                                "log_index", "block_hash", "block_timestamp", "tx_index"}));
    EvmEventData out;
    WAVS_TRY(out.chain, member(fields, "chain", &json::read_chain_key));
    WAVS_TRY(out.contract_address, member(fields, "contract_address", &json::read_evm_address));
    WAVS_TRY(const auto log_value, fields.required("log_data"));
    WAVS_TRY(const auto log, Fields::of(log_value, {"topics", "data"}));
    WAVS_TRY(out.topics, member(log, "topics", &read_topics));
    WAVS_TRY(out.data, member(log, "data", &json::read_hex_or_array));
    WAVS_TRY(out.tx_hash, member(fields, "tx_hash", &json::read_bytes32));
    WAVS_TRY(out.block_number, member(fields, "block_number", &json::read_u64));
    WAVS_TRY(out.log_index, member(fields, "log_index", &json::read_u64));
    WAVS_TRY(out.block_hash, member(fields, "block_hash", &json::read_bytes32));
    WAVS_TRY(out.block_timestamp, json::read_optional_u64(fields.optional("block_timestamp")));
    WAVS_TRY(out.tx_index, member(fields, "tx_index", &json::read_u64));
    return TriggerData(std::move(out));
}

Result<TriggerData> read_interval(const Value& value) {
    WAVS_TRY(const auto fields, Fields::of(value, {"chain", "block_height"}));
    BlockIntervalData out;
    WAVS_TRY(out.chain, member(fields, "chain", &json::read_chain_key));
    WAVS_TRY(out.block_height, member(fields, "block_height", &json::read_u64));
    return TriggerData(std::move(out));
}

Result<TriggerData> read_cron(const Value& value) {
    WAVS_TRY(const auto fields, Fields::of(value, {"trigger_time"}));
    CronData out;
    WAVS_TRY(out.trigger_time.nanos, member(fields, "trigger_time", &json::read_u64));
    return TriggerData(out);
}

Result<TriggerData> read_at_proto(const Value& value) {
    WAVS_TRY(const auto fields,
             Fields::of(value, {"sequence", "timestamp", "repo", "collection", "rkey", "action",
                                "cid", "record", "rev", "op_index"}));
    AtProtoData out;
    WAVS_TRY(out.sequence, member(fields, "sequence", &json::read_i64));
    WAVS_TRY(out.timestamp, member(fields, "timestamp", &json::read_i64));
    WAVS_TRY(out.repo, text_member(fields, "repo"));
    WAVS_TRY(out.collection, text_member(fields, "collection"));
    WAVS_TRY(out.rkey, text_member(fields, "rkey"));
    WAVS_TRY(out.action, member(fields, "action", &read_at_proto_action));
    WAVS_TRY(out.cid, json::read_optional_string(fields.optional("cid")));
    if (const auto record = fields.optional("record")) {
        WAVS_TRY(out.record, json::read_tree(*record));
    }
    WAVS_TRY(out.rev, json::read_optional_string(fields.optional("rev")));
    if (const auto op_index = fields.optional("op_index")) {
        WAVS_TRY(out.op_index, json::read_u32(*op_index));
    }
    return TriggerData(std::move(out));
}

Result<TriggerData> read_hypercore(const Value& value) {
    WAVS_TRY(const auto fields, Fields::of(value, {"feed_key", "index", "data"}));
    HypercoreData out;
    WAVS_TRY(out.feed_key, text_member(fields, "feed_key"));
    WAVS_TRY(out.index, member(fields, "index", &json::read_u64));
    WAVS_TRY(out.data, member(fields, "data", &json::read_byte_array));
    return TriggerData(std::move(out));
}

Result<TriggerData> read_raw(const Value& value) {
    WAVS_TRY(auto data, json::read_byte_array(value));
    return TriggerData(RawData{std::move(data)});
}

struct Kind {
    std::string_view tag;
    std::string_view metric;
    Result<TriggerData> (*read)(const Value&);
};
/// In the order of the variant.
constexpr std::array<Kind, 7> kKinds = {{
    {"CosmosContractEvent", "cosmos_contract_event", &read_cosmos},
    {"EvmContractEvent", "evm_contract_event", &read_evm},
    {"BlockInterval", "block_interval", &read_interval},
    {"Cron", "cron", &read_cron},
    {"AtProtoEvent", "atproto_event", &read_at_proto},
    {"HypercoreAppend", "hypercore_append", &read_hypercore},
    {"Raw", "manual", &read_raw},
}};

void write_bytes(Writer& out, const base::Bytes& bytes) {
    out.begin_array();
    for (const std::uint8_t byte : bytes) {
        out.number(std::uint64_t{byte});
    }
    out.end_array();
}

/// Writes what stands under the variant's tag.
struct DataWriter {
    Writer& out;

    void text(std::string_view name, std::string_view value) const {
        out.key(name);
        out.string(value);
    }
    void number(std::string_view name, std::uint64_t value) const {
        out.key(name);
        out.number(value);
    }
    void maybe(std::string_view name, const std::optional<std::string>& value) const {
        out.key(name);
        value.has_value() ? out.string(*value) : out.null();
    }
    void operator()(const CosmosEventData& d) const;
    void operator()(const EvmEventData& d) const;
    void operator()(const BlockIntervalData& d) const {
        out.begin_object();
        text("chain", d.chain.str());
        number("block_height", d.block_height);
        out.end_object();
    }
    void operator()(const CronData& d) const {
        out.begin_object();
        number("trigger_time", d.trigger_time.nanos);
        out.end_object();
    }
    void operator()(const AtProtoData& d) const;
    void operator()(const HypercoreData& d) const {
        out.begin_object();
        text("feed_key", d.feed_key);
        number("index", d.index);
        out.key("data");
        write_bytes(out, d.data);
        out.end_object();
    }
    void operator()(const RawData& d) const { write_bytes(out, d.data); }
};

void DataWriter::operator()(const CosmosEventData& d) const {
    out.begin_object();
    text("contract_address", d.contract_address.str());
    text("chain", d.chain.str());
    out.key("event");
    out.begin_object();
    text("type", d.event_type);
    out.key("attributes");
    out.begin_array();
    for (const CosmosAttribute& attribute : d.attributes) {
        out.begin_object();
        text("key", attribute.key);
        text("value", attribute.value);
        out.end_object();
    }
    out.end_array();
    out.end_object();
    number("block_height", d.block_height);
    number("event_index", d.event_index);
    out.end_object();
}

void DataWriter::operator()(const EvmEventData& d) const {
    out.begin_object();
    text("chain", d.chain.str());
    text("contract_address", to_string(d.contract_address));
    out.key("log_data");
    out.begin_object();
    out.key("topics");
    out.begin_array();
    for (const Bytes32& topic : d.topics) {
        out.string(to_string(topic));
    }
    out.end_array();
    text("data", base::hex0x(d.data));
    out.end_object();
    text("tx_hash", to_string(d.tx_hash));
    number("block_number", d.block_number);
    number("log_index", d.log_index);
    text("block_hash", to_string(d.block_hash));
    out.key("block_timestamp");
    d.block_timestamp.has_value() ? out.number(*d.block_timestamp) : out.null();
    number("tx_index", d.tx_index);
    out.end_object();
}

void DataWriter::operator()(const AtProtoData& d) const {
    out.begin_object();
    out.key("sequence");
    out.number(d.sequence);
    out.key("timestamp");
    out.number(d.timestamp);
    text("repo", d.repo);
    text("collection", d.collection);
    text("rkey", d.rkey);
    text("action", to_string(d.action));
    maybe("cid", d.cid);
    out.key("record");
    if (d.record.has_value()) {
        write_json(out, *d.record);
    } else {
        out.null();
    }
    maybe("rev", d.rev);
    out.key("op_index");
    d.op_index.has_value() ? out.number(std::uint64_t{*d.op_index}) : out.null();
    out.end_object();
}

Result<TriggerConfig> read_trigger_config(const Value& value) {
    WAVS_TRY(const auto fields, Fields::of(value, {"service_id", "workflow_id", "trigger"}));
    TriggerConfig out;
    WAVS_TRY(out.service_id, member(fields, "service_id", &json::read_service_id));
    WAVS_TRY(out.workflow_id, member(fields, "workflow_id", &json::read_workflow_id));
    WAVS_TRY(out.trigger, member(fields, "trigger", &read_trigger));
    return out;
}

template <typename T>
std::string text_of(const T& value) {
    std::string out;
    Writer writer(out);
    write_json(writer, value);
    return out;
}

}  // namespace

std::string_view metric_name(const TriggerData& data) { return kKinds.at(data.index()).metric; }

Result<TriggerData> read_trigger_data(const Value& value) {
    WAVS_TRY(const auto variant, json::read_variant(value));
    for (const Kind& kind : kKinds) {
        if (kind.tag == variant.tag) {
            WAVS_TRY(const auto content, variant.expect_content());
            return kind.read(content);
        }
    }
    return variant.unknown({"CosmosContractEvent", "EvmContractEvent", "BlockInterval", "Cron",
                            "AtProtoEvent", "HypercoreAppend", "Raw"});
}

Result<TriggerAction> read_trigger_action(const Value& value) {
    WAVS_TRY(const auto fields, Fields::of(value, {"config", "data"}));
    TriggerAction out;
    WAVS_TRY(out.config, member(fields, "config", &read_trigger_config));
    WAVS_TRY(out.data, member(fields, "data", &read_trigger_data));
    return out;
}

void write_json(Writer& out, const TriggerData& data) {
    out.begin_object();
    out.key(kKinds.at(data.index()).tag);
    std::visit(DataWriter{out}, data);
    out.end_object();
}

void write_json(Writer& out, const TriggerConfig& config) {
    out.begin_object();
    out.key("service_id");
    out.string(to_string(config.service_id));
    out.key("workflow_id");
    out.string(config.workflow_id.str());
    out.key("trigger");
    write_json(out, config.trigger);
    out.end_object();
}

void write_json(Writer& out, const TriggerAction& action) {
    out.begin_object();
    out.key("config");
    write_json(out, action.config);
    out.key("data");
    write_json(out, action.data);
    out.end_object();
}

std::string to_json(const TriggerData& data) { return text_of(data); }
std::string to_json(const TriggerAction& action) { return text_of(action); }

}  // namespace wavs::types
