// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/bytes.hpp"
#include "wavs/base/clock.hpp"
#include "wavs/base/result.hpp"

#include <compare>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace wavs::types {

/// Identifiers and their texts: docs/protocol/01-values.md 2.
using ServiceId = base::FixedBytes<32, struct ServiceIdTag>;
/// SHA-256 of the canonical manifest: names one revision of a service on this node.
using ServiceDigest = base::FixedBytes<32, struct ServiceDigestTag>;
/// SHA-256 of the bytes of a component's .wasm file.
using ComponentDigest = base::FixedBytes<32, struct ComponentDigestTag>;
using EventId = base::FixedBytes<20, struct EventIdTag>;
using EvmAddress = base::FixedBytes<20, struct EvmAddressTag>;
/// An unnamed 32-byte word: hash, topic.
using Bytes32 = base::FixedBytes<32, struct Bytes32Tag>;
/// First 16 bytes of the default event id.
using TraceId = base::FixedBytes<16, struct TraceIdTag>;
/// Nanoseconds since the Unix epoch.
using Timestamp = base::WallTime;

/// 64 lower-case hex digits without "0x"; reading takes any case and an optional "0x".
std::string to_string(const ServiceId& id);
std::string to_string(const ServiceDigest& digest);
std::string to_string(const ComponentDigest& digest);
base::Result<ServiceId> parse_service_id(std::string_view text);
base::Result<ServiceDigest> parse_service_digest(std::string_view text);
base::Result<ComponentDigest> parse_component_digest(std::string_view text);

/// 40 hex digits, the form of logs; JSON has "0x" in front (`base::hex0x(id.view())`).
std::string to_string(const EventId& id);
base::Result<EventId> parse_event_id(std::string_view text);

/// "0x" and 40 lower-case digits. Reading does not check a mixed-case checksum.
std::string to_string(const EvmAddress& address);
base::Result<EvmAddress> parse_evm_address(std::string_view text);
/// EIP-55 mixed case, the form of the signer reply.
std::string to_checksum_string(const EvmAddress& address);

/// "0x" and 64 digits.
std::string to_string(const Bytes32& word);
base::Result<Bytes32> parse_bytes32(std::string_view text);

/// 32 hex digits, the form of W3C trace contexts.
std::string to_string(const TraceId& id);
base::Result<TraceId> parse_trace_id(std::string_view text);

/// Name of a workflow in its service: 3 to 36 bytes of a-z, 0-9, '-', '_' and, as existing nodes
/// allow, any Unicode number. A default-constructed id is "default".
class WorkflowId {
public:
    WorkflowId() : text_("default") {}
    static base::Result<WorkflowId> parse(std::string_view text);

    const std::string& str() const { return text_; }
    friend auto operator<=>(const WorkflowId&, const WorkflowId&) = default;

private:
    explicit WorkflowId(std::string text) : text_(std::move(text)) {}
    std::string text_;
};
inline const std::string& to_string(const WorkflowId& id) { return id.str(); }

/// `namespace:id` of a chain, such as "evm:1". A default-constructed key is empty and names none.
class ChainKey {
public:
    ChainKey() = default;
    static base::Result<ChainKey> parse(std::string_view text);

    const std::string& str() const { return text_; }
    std::string_view ns() const { return std::string_view(text_).substr(0, colon_); }
    std::string_view id() const;
    bool empty() const { return text_.empty(); }
    friend bool operator==(const ChainKey& a, const ChainKey& b) { return a.text_ == b.text_; }
    friend auto operator<=>(const ChainKey& a, const ChainKey& b) { return a.text_ <=> b.text_; }

private:
    ChainKey(std::string text, std::size_t colon) : text_(std::move(text)), colon_(colon) {}
    std::string text_;
    std::size_t colon_ = 0;
};
inline const std::string& to_string(const ChainKey& key) { return key.str(); }

/// A bech32 address. Its text is always lower case; equality is equality of the text.
class CosmosAddress {
public:
    CosmosAddress() = default;
    static base::Result<CosmosAddress> parse(std::string_view text);
    /// `prefix` is 1 or more of a-z and 0-9, `payload` at most 255 bytes.
    static base::Result<CosmosAddress> make(std::string_view prefix, base::ByteView payload);

    const std::string& str() const { return text_; }
    const base::Bytes& payload() const { return payload_; }
    std::string_view prefix() const { return std::string_view(text_).substr(0, prefix_size_); }
    friend bool operator==(const CosmosAddress& a, const CosmosAddress& b) {
        return a.text_ == b.text_;
    }
    friend auto operator<=>(const CosmosAddress& a, const CosmosAddress& b) {
        return a.text_ <=> b.text_;
    }

private:
    std::string text_;
    base::Bytes payload_;
    std::size_t prefix_size_ = 0;
};
inline const std::string& to_string(const CosmosAddress& address) { return address.str(); }

}  // namespace wavs::types

template <>
struct std::hash<wavs::types::WorkflowId> {
    std::size_t operator()(const wavs::types::WorkflowId& id) const {
        return std::hash<std::string>()(id.str());
    }
};
template <>
struct std::hash<wavs::types::ChainKey> {
    std::size_t operator()(const wavs::types::ChainKey& key) const {
        return std::hash<std::string>()(key.str());
    }
};
