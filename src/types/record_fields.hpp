// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/types/codec.hpp"
#include "wavs/types/records.hpp"

#include <concepts>
#include <type_traits>
#include <utility>

namespace wavs::types {

/// The fields of each stored struct, in their stored order, said once for both directions: `ar` is
/// a Packer or an Unpacker.
template <typename T, typename U>
concept Is = std::same_as<std::remove_const_t<T>, U>;

template <typename A, Is<ManualTrigger> T>
void fields(A&, T&) {}
template <typename A, Is<CosmosEventTrigger> T>
void fields(A& ar, T& v) {
    ar(v.address, v.chain, v.event_type);
}
template <typename A, Is<EvmEventTrigger> T>
void fields(A& ar, T& v) {
    ar(v.address, v.chain, v.event_hash);
}
template <typename A, Is<BlockIntervalTrigger> T>
void fields(A& ar, T& v) {
    ar(v.chain, v.n_blocks, v.start_block, v.end_block);
}
template <typename A, Is<CronTrigger> T>
void fields(A& ar, T& v) {
    ar(v.schedule, v.start_time, v.end_time);
}
template <typename A, Is<AtProtoTrigger> T>
void fields(A& ar, T& v) {
    ar(v.collection, v.repo_did, v.action);
}
template <typename A, Is<HypercoreTrigger> T>
void fields(A& ar, T& v) {
    ar(v.feed_key);
}
template <typename A, Is<CosmosAttribute> T>
void fields(A& ar, T& v) {
    ar(v.key, v.value);
}
template <typename A, Is<CosmosEventData> T>
void fields(A& ar, T& v) {
    ar(v.contract_address, v.chain, v.event_type, v.attributes, v.block_height, v.event_index);
}
template <typename A, Is<EvmEventData> T>
void fields(A& ar, T& v) {
    ar(v.chain, v.contract_address, v.topics, v.data, v.tx_hash, v.block_number, v.log_index,
       v.block_hash, v.block_timestamp, v.tx_index);
}
template <typename A, Is<BlockIntervalData> T>
void fields(A& ar, T& v) {
    ar(v.chain, v.block_height);
}
template <typename A, Is<CronData> T>
void fields(A& ar, T& v) {
    ar(v.trigger_time);
}
template <typename A, Is<AtProtoData> T>
void fields(A& ar, T& v) {
    ar(v.sequence, v.timestamp, v.repo, v.collection, v.rkey, v.action, v.cid, v.record, v.rev,
       v.op_index);
}
template <typename A, Is<HypercoreData> T>
void fields(A& ar, T& v) {
    ar(v.feed_key, v.index, v.data);
}
template <typename A, Is<RawData> T>
void fields(A& ar, T& v) {
    ar(v.data);
}
template <typename A, Is<TriggerConfig> T>
void fields(A& ar, T& v) {
    ar(v.service_id, v.workflow_id, v.trigger);
}
template <typename A, Is<TriggerAction> T>
void fields(A& ar, T& v) {
    ar(v.config, v.data);
}
template <typename A, Is<WasmResponse> T>
void fields(A& ar, T& v) {
    ar(v.payload, v.ordering, v.event_id_salt);
}
template <typename A, Is<Envelope> T>
void fields(A& ar, T& v) {
    ar(v.event_id, v.ordering, v.payload);
}
template <typename A, Is<SignatureKind> T>
void fields(A& ar, T& v) {
    ar(v.algorithm, v.prefix);
}
template <typename A, Is<Signature> T>
void fields(A& ar, T& v) {
    ar(v.data, v.kind);
}
template <typename A, Is<Submission> T>
void fields(A& ar, T& v) {
    ar(v.trigger_action, v.operator_response, v.event_id, v.envelope, v.envelope_signature);
}
template <typename A, Is<EvmTxHash> T>
void fields(A& ar, T& v) {
    ar(v.hash);
}
template <typename A, Is<CosmosTxHash> T>
void fields(A& ar, T& v) {
    ar(v.text);
}
template <typename A, Is<EventRecord> T>
void fields(A& ar, T& v) {
    ar(v.sequence, v.default_event_id, v.revision, v.action, v.state, v.attempts, v.trace_id,
       v.accepted_at, v.updated_at, v.source, v.reason);
}
template <typename A, Is<ResultRecord> T>
void fields(A& ar, T& v) {
    ar(v.event_sequence, v.response_index, v.submission, v.signer, v.state, v.attempts, v.trace_id,
       v.created_at, v.updated_at, v.tx_hash, v.reason);
}
template <typename A, Is<QueueTarget> T>
void fields(A& ar, T& v) {
    ar(v.chain, v.address);
}
template <typename A, Is<QueueRecord> T>
void fields(A& ar, T& v) {
    ar(v.event_id, v.target, v.service_id, v.workflow_id, v.trace_id, v.state, v.opened_at,
       v.updated_at, v.tx_hash, v.reason);
}
template <typename A, Is<QueueEnvelope> T>
void fields(A& ar, T& v) {
    ar(v.trigger_action, v.operator_response, v.envelope);
}
template <typename A, Is<QueueSignature> T>
void fields(A& ar, T& v) {
    ar(v.event_id, v.envelope_digest, v.signer, v.signature, v.received_at, v.peer);
}
template <typename A, Is<SubmissionRecord> T>
void fields(A& ar, T& v) {
    ar(v.submission, v.signer, v.state, v.received_at, v.peer);
}
template <typename A, Is<EvmSubmitAction> T>
void fields(A& ar, T& v) {
    ar(v.chain, v.address, v.gas_price);
}
template <typename A, Is<CosmosSubmitAction> T>
void fields(A& ar, T& v) {
    ar(v.chain, v.address, v.gas_price);
}
template <typename A, Is<EndedAction> T>
void fields(A& ar, T& v) {
    ar(v.state, v.tx_hash, v.reason);
}
template <typename A, Is<TimerRecord> T>
void fields(A& ar, T& v) {
    ar(v.service_id, v.due, v.submits, v.ended);
}
/// As older builds wrote it.
struct TransactionForm1 {
    base::Bytes reference;
    std::vector<base::Bytes> attempts;
    Timestamp signed_at;
};
template <typename A, Is<TransactionRecord> T>
void fields(A& ar, T& v) {
    ar(v.reference, v.attempts, v.signed_at, v.payer);
}
template <typename A, Is<TransactionForm1> T>
void fields(A& ar, T& v) {
    ar(v.reference, v.attempts, v.signed_at);
}
template <typename A, Is<SpendingRecord> T>
void fields(A& ar, T& v) {
    ar(v.cost);
}

/// First and last stored number of each enum.
template <typename E>
struct EnumRange;
template <>
struct EnumRange<EventState> {
    static constexpr EventState kFirst = EventState::Accepted;
    static constexpr EventState kLast = EventState::Parked;
};
template <>
struct EnumRange<ResultState> {
    static constexpr ResultState kFirst = ResultState::Signed;
    static constexpr ResultState kLast = ResultState::Parked;
};
template <>
struct EnumRange<AtProtoAction> {
    static constexpr AtProtoAction kFirst = AtProtoAction::Create;
    static constexpr AtProtoAction kLast = AtProtoAction::Delete;
};
template <>
struct EnumRange<SignatureAlgorithm> {
    static constexpr SignatureAlgorithm kFirst = SignatureAlgorithm::Secp256k1;
    static constexpr SignatureAlgorithm kLast = SignatureAlgorithm::Secp256k1;
};
template <>
struct EnumRange<SignaturePrefix> {
    static constexpr SignaturePrefix kFirst = SignaturePrefix::Eip191;
    static constexpr SignaturePrefix kLast = SignaturePrefix::Eip191;
};

template <typename E>
concept StoredEnum = std::is_enum_v<E>;

/// Signed numbers as unsigned ones that stay small: 0, -1, 1, -2, ...
inline std::uint64_t zigzag(std::int64_t value) {
    const auto bits = static_cast<std::uint64_t>(value);
    return value < 0 ? ~(bits << 1) : bits << 1;
}
inline std::int64_t unzigzag(std::uint64_t value) {
    return static_cast<std::int64_t>((value >> 1) ^ (~(value & 1) + 1));
}

class Packer {
public:
    Encoder encoder;

    template <typename... T>
    void operator()(const T&... values) {
        (put(values), ...);
    }

private:
    void put(std::uint64_t value) { encoder.number(value); }
    void put(std::uint32_t value) { encoder.number(value); }
    // Two numbers, the higher half first.
    void put(unsigned __int128 value) {
        encoder.number(static_cast<std::uint64_t>(value >> 64));
        encoder.number(static_cast<std::uint64_t>(value));
    }
    void put(std::int64_t value) { encoder.number(zigzag(value)); }
    void put(const std::string& value) { encoder.text(value); }
    void put(const base::Bytes& value) { encoder.bytes(value); }
    void put(Timestamp value) { encoder.number(value.nanos); }
    void put(const WorkflowId& value) { encoder.text(value.str()); }
    void put(const ChainKey& value) { encoder.text(value.str()); }
    void put(const CosmosAddress& value) { encoder.text(value.str()); }
    void put(const json::Tree& value) { encoder.text(json::to_json(value)); }
    template <StoredEnum E>
    void put(E value) {
        encoder.byte(static_cast<std::uint8_t>(value));
    }
    template <std::size_t N, typename Tag>
    void put(const base::FixedBytes<N, Tag>& value) {
        encoder.fixed(value.view());
    }
    template <typename T>
    void put(const std::optional<T>& value) {
        encoder.byte(value.has_value() ? 1 : 0);
        if (value.has_value()) {
            put(*value);
        }
    }
    template <typename T>
    void put(const std::vector<T>& values) {
        encoder.number(values.size());
        for (const T& value : values) {
            put(value);
        }
    }
    template <typename... T>
    void put(const std::variant<T...>& value) {
        encoder.byte(static_cast<std::uint8_t>(value.index()));
        std::visit([this](const auto& held) { this->put(held); }, value);
    }
    template <typename T>
        requires requires(Packer& ar, const T& v) { fields(ar, v); }
    void put(const T& value) {
        fields(*this, value);
    }
};

class Unpacker {
public:
    explicit Unpacker(base::ByteView data) : decoder(data) {}
    Decoder decoder;

    template <typename... T>
    void operator()(T&... values) {
        (get(values), ...);
    }

private:
    void get(std::uint64_t& value) { value = decoder.number(); }
    void get(unsigned __int128& value) {
        value = decoder.number();
        value = value << 64 | decoder.number();
    }
    void get(std::uint32_t& value) {
        const std::uint64_t number = decoder.number();
        if (number > UINT32_MAX) {
            decoder.fail();
        }
        value = static_cast<std::uint32_t>(number);
    }
    void get(std::int64_t& value) { value = unzigzag(decoder.number()); }
    void get(std::string& value) { value = decoder.text(); }
    void get(base::Bytes& value) { value = base::to_bytes(decoder.bytes()); }
    void get(Timestamp& value) { value.nanos = decoder.number(); }
    void get(WorkflowId& value) { parsed(value, WorkflowId::parse(decoder.text())); }
    void get(ChainKey& value) {
        const std::string_view text = decoder.text();
        if (!text.empty()) {
            parsed(value, ChainKey::parse(text));
        }
    }
    void get(CosmosAddress& value) {
        const std::string_view text = decoder.text();
        if (!text.empty()) {
            parsed(value, CosmosAddress::parse(text));
        }
    }
    void get(json::Tree& value) { parsed(value, json::parse_tree(decoder.text())); }
    template <StoredEnum E>
    void get(E& value) {
        const std::uint8_t number = decoder.byte();
        if (number < static_cast<std::uint8_t>(EnumRange<E>::kFirst) ||
            number > static_cast<std::uint8_t>(EnumRange<E>::kLast)) {
            decoder.fail();
            return;
        }
        value = static_cast<E>(number);
    }
    template <std::size_t N, typename Tag>
    void get(base::FixedBytes<N, Tag>& value) {
        const base::ByteView bytes = decoder.fixed(N);
        if (bytes.size() == N) {
            value = base::FixedBytes<N, Tag>::from(bytes.template first<N>());
        }
    }
    template <typename T>
    void get(std::optional<T>& value) {
        const std::uint8_t flag = decoder.byte();
        if (flag > 1) {
            decoder.fail();
        }
        if (flag == 1 && !decoder.failed()) {
            get(value.emplace());
        }
    }
    template <typename T>
    void get(std::vector<T>& values) {
        const std::uint64_t count = decoder.number();
        // Every item takes a byte at least, so that a short text cannot ask for much memory.
        if (count > decoder.left()) {
            decoder.fail();
        }
        for (std::uint64_t i = 0; i < count && !decoder.failed(); ++i) {
            get(values.emplace_back());
        }
    }
    template <typename... T>
    void get(std::variant<T...>& value) {
        const std::uint8_t index = decoder.byte();
        if (index >= sizeof...(T)) {
            decoder.fail();
            return;
        }
        pick(value, index, std::index_sequence_for<T...>());
    }
    template <typename Variant, std::size_t... I>
    void pick(Variant& value, std::size_t index, std::index_sequence<I...>) {
        ((index == I ? get(value.template emplace<I>()) : void()), ...);
    }
    template <typename T>
        requires requires(Unpacker& ar, T& v) { fields(ar, v); }
    void get(T& value) {
        fields(*this, value);
    }
    template <typename T>
    void parsed(T& value, base::Result<T>&& result) {
        if (result.has_value()) {
            value = std::move(result).value();
        } else {
            decoder.fail();
        }
    }
};

}  // namespace wavs::types
