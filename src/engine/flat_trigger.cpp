// SPDX-License-Identifier: Apache-2.0
#include "flat_parts.hpp"

namespace wavs::engine {
namespace {

// Numbers of the WIT cases of `trigger` and `trigger-data`; for both EVM comes first.
enum class Case : std::uint8_t {
    Evm = 0,
    Cosmos = 1,
    BlockInterval = 2,
    Cron = 3,
    AtProto = 4,
    Hypercore = 5,
    ManualOrRaw = 6,
};

void begin(FlatWriter& out, Case which) { out.u8(static_cast<std::uint8_t>(which)); }

void optional_time(FlatWriter& out, const std::optional<types::Timestamp>& time) {
    out.optional(time, [&out](const types::Timestamp& at) { out.u64(at.nanos); });
}

struct WriteTrigger {
    FlatWriter& out;

    void operator()(const types::EvmEventTrigger& trigger) const {
        begin(out, Case::Evm);
        out.bytes(trigger.address.view());
        out.text(trigger.chain.str());
        out.bytes(trigger.event_hash.view());
    }
    void operator()(const types::CosmosEventTrigger& trigger) const {
        begin(out, Case::Cosmos);
        write_address(out, trigger.address);
        out.text(trigger.chain.str());
        out.text(trigger.event_type);
    }
    void operator()(const types::BlockIntervalTrigger& trigger) const {
        begin(out, Case::BlockInterval);
        out.text(trigger.chain.str());
        out.u32(trigger.n_blocks);
        out.optional_u64(trigger.start_block);
        out.optional_u64(trigger.end_block);
    }
    void operator()(const types::CronTrigger& trigger) const {
        begin(out, Case::Cron);
        out.text(trigger.schedule);
        optional_time(out, trigger.start_time);
        optional_time(out, trigger.end_time);
    }
    void operator()(const types::AtProtoTrigger& trigger) const {
        begin(out, Case::AtProto);
        out.text(trigger.collection);
        out.optional_text(trigger.repo_did);
        out.optional(trigger.action,
                     [this](types::AtProtoAction action) { out.text(to_string(action)); });
    }
    void operator()(const types::HypercoreTrigger& trigger) const {
        begin(out, Case::Hypercore);
        out.text(trigger.feed_key);
    }
    void operator()(const types::ManualTrigger& /*trigger*/) const {
        begin(out, Case::ManualOrRaw);
    }
};

struct WriteData {
    FlatWriter& out;

    void operator()(const types::EvmEventData& data) const {
        begin(out, Case::Evm);
        out.text(data.chain.str());
        out.bytes(data.contract_address.view());
        out.count(data.topics.size());
        for (const auto& topic : data.topics) {
            out.bytes(topic.view());
        }
        out.bytes(data.data);
        out.bytes(data.tx_hash.view());
        out.u64(data.block_number);
        out.u64(data.log_index);
        out.bytes(data.block_hash.view());
        out.optional_u64(data.block_timestamp);
        out.u64(data.tx_index);
    }
    void operator()(const types::CosmosEventData& data) const {
        begin(out, Case::Cosmos);
        write_address(out, data.contract_address);
        out.text(data.chain.str());
        out.text(data.event_type);
        out.count(data.attributes.size());
        for (const auto& attribute : data.attributes) {
            out.text(attribute.key);
            out.text(attribute.value);
        }
        out.u64(data.event_index);
        out.u64(data.block_height);
    }
    void operator()(const types::BlockIntervalData& data) const {
        begin(out, Case::BlockInterval);
        out.text(data.chain.str());
        out.u64(data.block_height);
    }
    void operator()(const types::CronData& data) const {
        begin(out, Case::Cron);
        out.u64(data.trigger_time.nanos);
    }
    void operator()(const types::AtProtoData& data) const {
        begin(out, Case::AtProto);
        out.s64(data.sequence);
        out.s64(data.timestamp);
        out.text(data.repo);
        out.text(data.collection);
        out.text(data.rkey);
        out.text(to_string(data.action));
        out.optional_text(data.cid);
        // A tree keeps its keys sorted, so all operators show their components the same text.
        out.optional(data.record, [this](const types::json::Tree& tree) {
            out.text(types::json::to_json(tree));
        });
        out.optional_text(data.rev);
        out.optional(data.op_index, [this](std::uint32_t index) { out.u32(index); });
    }
    void operator()(const types::HypercoreData& data) const {
        begin(out, Case::Hypercore);
        out.text(data.feed_key);
        out.u64(data.index);
        out.bytes(data.data);
    }
    void operator()(const types::RawData& data) const {
        begin(out, Case::ManualOrRaw);
        out.bytes(data.data);
    }
};

void write_action(FlatWriter& out, const types::TriggerAction& action) {
    out.text(to_string(action.config.service_id));
    out.text(action.config.workflow_id.str());
    write_trigger(out, action.config.trigger);
    std::visit(WriteData{out}, action.data);
}

void write_response(FlatWriter& out, const types::WasmResponse& response) {
    out.bytes(response.payload);
    out.optional_u64(response.ordering);
    out.optional(response.event_id_salt, [&out](const base::Bytes& salt) { out.bytes(salt); });
}

void write_tx_hash(FlatWriter& out, const types::TxHash& hash) {
    if (const auto* evm = std::get_if<types::EvmTxHash>(&hash)) {
        out.u8(0);
        out.bytes(evm->hash.view());
    } else {
        out.u8(1);
        out.text(std::get<types::CosmosTxHash>(hash).text);
    }
}

void write_gas_price(FlatWriter& out, const std::optional<unsigned __int128>& price) {
    out.optional(price, [&out](unsigned __int128 value) {
        out.u64(static_cast<std::uint64_t>(value));
        out.u64(static_cast<std::uint64_t>(value >> 64));
    });
}

void write_submit(FlatWriter& out, const types::SubmitAction& action) {
    if (const auto* evm = std::get_if<types::EvmSubmitAction>(&action)) {
        out.u8(0);
        out.text(evm->chain.str());
        out.bytes(evm->address.view());
        write_gas_price(out, evm->gas_price);
    } else {
        const auto& cosmos = std::get<types::CosmosSubmitAction>(action);
        out.u8(1);
        out.text(cosmos.chain.str());
        write_address(out, cosmos.address);
        write_gas_price(out, cosmos.gas_price);
    }
}

}  // namespace

void write_address(FlatWriter& out, const types::CosmosAddress& address) {
    out.text(address.str());
    out.u32(static_cast<std::uint32_t>(address.prefix().size()));
}

void write_trigger(FlatWriter& out, const types::Trigger& trigger) {
    std::visit(WriteTrigger{out}, trigger);
}

base::Bytes flat_trigger_action(const types::TriggerAction& action) {
    FlatWriter out;
    write_action(out, action);
    return std::move(out).take();
}

base::Bytes flat_aggregator_input(const types::TriggerAction& action,
                                  const types::WasmResponse& response) {
    FlatWriter out;
    write_action(out, action);
    write_response(out, response);
    return std::move(out).take();
}

base::Bytes flat_submit_callback(const types::TriggerAction& action,
                                 const types::WasmResponse& response, const SubmitResult& result) {
    FlatWriter out;
    write_action(out, action);
    write_response(out, response);
    if (const auto* hash = std::get_if<types::TxHash>(&result)) {
        out.u8(0);
        write_tx_hash(out, *hash);
    } else {
        out.u8(1);
        out.text(std::get<std::string>(result));
    }
    return std::move(out).take();
}

base::Bytes flat_selection(const types::EventId& event, const types::SubmitAction& action,
                           const std::vector<QuorumEntry>& entries) {
    FlatWriter out;
    out.bytes(event.view());
    write_submit(out, action);
    out.count(entries.size());
    for (const auto& entry : entries) {
        out.bytes(entry.signer);
        out.text(entry.weight);
        out.bytes(entry.signature);
    }
    return std::move(out).take();
}

}  // namespace wavs::engine
