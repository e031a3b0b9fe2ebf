// SPDX-License-Identifier: Apache-2.0
#include "wavs/types/b2.hpp"

#include <bit>

namespace wavs::types {
namespace {

constexpr std::uint8_t kTwoBytes = 0xfb;
constexpr std::uint8_t kFourBytes = 0xfc;
constexpr std::uint8_t kEightBytes = 0xfd;
constexpr std::uint8_t kSixteenBytes = 0xfe;

void append_le(base::Bytes& out, unsigned __int128 value, int size) {
    for (int i = 0; i < size; ++i) {
        out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    }
}

/// A JSON value without type marks.
struct TreeEncoder {
    B2Encoder& out;

    void operator()(std::monostate) const {}
    void operator()(bool value) const { out.boolean(value); }
    void operator()(std::uint64_t value) const { out.u64(value); }
    void operator()(std::int64_t value) const { out.i64(value); }
    void operator()(double value) const { out.f64(value); }
    void operator()(const std::string& value) const { out.text(value); }
    void operator()(const json::Tree::Array& items) const {
        out.u64(items.size());
        for (const json::Tree& item : items) {
            out.tree(item);
        }
    }
    void operator()(const json::Tree::Object& members) const {
        out.u64(members.size());
        for (const json::TreeMember& member : members) {
            out.text(member.name);
            out.tree(member.value);
        }
    }
};

struct DataEncoder {
    B2Encoder& out;

    void maybe(const std::optional<std::string>& value) const {
        out.optional(value, [this](const std::string& text) { out.text(text); });
    }
    void operator()(const CosmosEventData& d) const {
        out.text(d.contract_address.str());
        out.text(d.chain.str());
        out.text(d.event_type);
        out.u64(d.attributes.size());
        for (const CosmosAttribute& attribute : d.attributes) {
            out.text(attribute.key);
            out.text(attribute.value);
        }
        out.u64(d.block_height);
        out.u64(d.event_index);
    }
    void operator()(const EvmEventData& d) const {
        out.text(d.chain.str());
        out.bytes(d.contract_address.view());
        out.u64(d.topics.size());
        for (const Bytes32& topic : d.topics) {
            out.bytes(topic.view());
        }
        out.bytes(d.data);
        out.bytes(d.tx_hash.view());
        out.u64(d.block_number);
        out.u64(d.log_index);
        out.bytes(d.block_hash.view());
        out.optional(d.block_timestamp, [this](std::uint64_t seconds) { out.u64(seconds); });
        out.u64(d.tx_index);
    }
    void operator()(const BlockIntervalData& d) const {
        out.text(d.chain.str());
        out.u64(d.block_height);
    }
    void operator()(const CronData& d) const { out.u64(d.trigger_time.nanos); }
    void operator()(const AtProtoData& d) const {
        out.i64(d.sequence);
        out.i64(d.timestamp);
        identity(d);
    }
    /// What makes two copies of one repository event equal: no sequence, no time.
    void identity(const AtProtoData& d) const {
        out.text(d.repo);
        out.text(d.collection);
        out.text(d.rkey);
        out.u64(static_cast<std::uint64_t>(d.action));
        maybe(d.cid);
        out.optional(d.record, [this](const json::Tree& tree) { out.tree(tree); });
        maybe(d.rev);
        out.optional(d.op_index, [this](std::uint32_t index) { out.u64(index); });
    }
    void operator()(const HypercoreData& d) const {
        out.text(d.feed_key);
        out.u64(d.index);
        out.bytes(d.data);
    }
    void operator()(const RawData& d) const { out.bytes(d.data); }
};

}  // namespace

void B2Encoder::u64(std::uint64_t value) {
    if (value < kTwoBytes) {
        byte(static_cast<std::uint8_t>(value));
    } else if (value < (1ULL << 16)) {
        byte(kTwoBytes);
        append_le(out_, value, 2);
    } else if (value < (1ULL << 32)) {
        byte(kFourBytes);
        append_le(out_, value, 4);
    } else {
        byte(kEightBytes);
        append_le(out_, value, 8);
    }
}

void B2Encoder::u128(unsigned __int128 value) {
    if (value >> 64 == 0) {
        u64(static_cast<std::uint64_t>(value));
    } else {
        byte(kSixteenBytes);
        append_le(out_, value, 16);
    }
}

void B2Encoder::i64(std::int64_t value) {
    const auto bits = static_cast<std::uint64_t>(value);
    u64(value < 0 ? ~(bits << 1) : bits << 1);
}

void B2Encoder::f64(double value) { append_le(out_, std::bit_cast<std::uint64_t>(value), 8); }

void B2Encoder::bytes(base::ByteView value) {
    u64(value.size());
    base::append(out_, value);
}

void B2Encoder::tree(const json::Tree& tree) { std::visit(TreeEncoder{*this}, tree.value); }

base::Bytes b2_encode(const TriggerData& data) {
    B2Encoder out;
    out.u64(data.index());
    std::visit(DataEncoder{out}, data);
    return std::move(out).take();
}

base::Bytes b2_encode_identity(const AtProtoData& data) {
    B2Encoder out;
    DataEncoder{out}.identity(data);
    return std::move(out).take();
}

}  // namespace wavs::types
