// SPDX-License-Identifier: Apache-2.0
#pragma once

// An operator component: implement wavs::on_trigger and include this header in one source file.

#include "wavs/abi.hpp"
#include "wavs/base.hpp"
#include "wavs/host.hpp"

namespace wavs {

struct Response {
    Bytes payload = {};
    std::optional<std::uint64_t> ordering = {};
    std::optional<Bytes> event_id_salt = {};
};

using TriggerAction = wavs_trigger_action_t;

/// Called once per trigger.
Result<std::vector<Response>> on_trigger(const TriggerAction& action);

/// What a trigger asks for, by the convention of the example services.
struct Request {
    std::uint64_t trigger_id = 0;
    Bytes data;
    /// A raw (manual) trigger: no id.
    bool is_raw = false;
};

namespace detail {

inline Result<Request> from_evm(const wavs_types_chain_evm_event_log_t& log) {
    const auto& topics = log.data.topics;
    const auto topic = topics.len == 1 ? raw::view(topics.ptr[0]) : BytesView();
    if (topic.size() != abi::kWord ||
        std::memcmp(topic.data(), abi::kNewTrigger.data(), abi::kWord) != 0) {
        return Error("the event is not NewTrigger(bytes)");
    }
    auto info = abi::trigger_info(raw::view(log.data.data));
    if (!info) {
        return Error("the event's data is not a TriggerInfo");
    }
    return Request{info->id, std::move(info->data)};
}

inline Result<Request> from_cosmos(const wavs_types_chain_cosmos_event_t& event) {
    const auto type = raw::view(event.ty);
    if (type != "push-message" && type != "wasm-push-message") {
        return Error("the event is not push-message");
    }
    std::optional<std::uint64_t> id;
    std::optional<Bytes> data;
    for (std::size_t i = 0; i < event.attributes.len; ++i) {
        const auto& [key, value] = event.attributes.ptr[i];
        if (raw::view(key) == "trigger-id") {
            id = parse_u64(raw::view(value));
        } else if (raw::view(key) == "data") {
            data = parse_hex(raw::view(value));
        }
    }
    if (!id || !data) {
        return Error("the event lacks trigger-id or data");
    }
    return Request{*id, *std::move(data)};
}

inline Bytes copy(BytesView bytes) { return {bytes.begin(), bytes.end()}; }

}  // namespace detail

inline Result<Request> decode_request(const TriggerAction& action) {
    const auto& data = action.data;
    switch (data.tag) {
        case WAVS_TYPES_EVENTS_TRIGGER_DATA_EVM_CONTRACT_EVENT:
            return detail::from_evm(data.val.evm_contract_event.log);
        case WAVS_TYPES_EVENTS_TRIGGER_DATA_COSMOS_CONTRACT_EVENT:
            return detail::from_cosmos(data.val.cosmos_contract_event.event);
        case WAVS_TYPES_EVENTS_TRIGGER_DATA_ATPROTO_EVENT: {
            const auto& event = data.val.atproto_event;
            if (!event.record_data.is_some) {
                __builtin_trap();
            }
            const auto id = static_cast<std::uint64_t>(event.sequence);
            return Request{id, detail::copy(bytes_of(raw::view(event.record_data.val)))};
        }
        case WAVS_TYPES_EVENTS_TRIGGER_DATA_HYPERCORE_APPEND: {
            const auto& append = data.val.hypercore_append;
            return Request{append.index, detail::copy(raw::view(append.data))};
        }
        case WAVS_TYPES_EVENTS_TRIGGER_DATA_RAW:
            return Request{0, detail::copy(raw::view(data.val.raw)), true};
        default:
            return Error("Unsupported trigger data type");
    }
}

/// The payload that goes with a trigger id, in the encoding of the service manager's chain.
inline Bytes encode_payload(std::uint64_t trigger_id, BytesView data) {
    return host::cosmos_manager() ? bincode::data_with_id(trigger_id, data)
                                  : abi::data_with_id(trigger_id, data);
}

inline Bytes event_id(std::optional<BytesView> salt = std::nullopt) {
    auto lent = raw::lend(salt.value_or(BytesView()));
    host_event_id_t id;
    host_get_event_id(salt ? &lent : nullptr, &id);
    return detail::copy(raw::view(id));
}

}  // namespace wavs

extern "C" inline __attribute__((used)) bool exports_wavs_run(wavs_trigger_action_t* action,
                                                              wavs_list_wasm_response_t* ret,
                                                              wavs_string_t* err) {
    const auto result = wavs::on_trigger(*action);
    if (!result) {
        *err = wavs::raw::give(std::string_view(result.error()));
        return false;
    }
    auto* list = wavs::raw::allocate<wavs_wasm_response_t>(result->size());
    for (std::size_t i = 0; i < result->size(); ++i) {
        const auto& response = (*result)[i];
        list[i].payload = wavs::raw::give(response.payload);
        list[i].ordering.is_some = response.ordering.has_value();
        list[i].ordering.val = response.ordering.value_or(0);
        list[i].event_id_salt.is_some = response.event_id_salt.has_value();
        if (response.event_id_salt) {
            list[i].event_id_salt.val = wavs::raw::give(*response.event_id_salt);
        }
    }
    *ret = {list, result->size()};
    return true;
}
