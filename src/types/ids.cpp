// SPDX-License-Identifier: Apache-2.0
#include "wavs/types/ids.hpp"

#include "utf8.hpp"

#include "wavs/base/hex.hpp"
#include "wavs/hash/hash.hpp"

namespace wavs::types {

using base::Error;
using base::ErrorKind;
using base::Result;

std::string to_string(const ServiceId& id) { return base::hex(id.view()); }
std::string to_string(const ServiceDigest& digest) { return base::hex(digest.view()); }
std::string to_string(const ComponentDigest& digest) { return base::hex(digest.view()); }
std::string to_string(const EventId& id) { return base::hex(id.view()); }
std::string to_string(const EvmAddress& address) { return base::hex0x(address.view()); }
std::string to_string(const Bytes32& word) { return base::hex0x(word.view()); }
std::string to_string(const TraceId& id) { return base::hex(id.view()); }

Result<ServiceId> parse_service_id(std::string_view text) {
    return base::parse_fixed_hex<ServiceId>(text);
}
Result<ServiceDigest> parse_service_digest(std::string_view text) {
    return base::parse_fixed_hex<ServiceDigest>(text);
}
Result<ComponentDigest> parse_component_digest(std::string_view text) {
    return base::parse_fixed_hex<ComponentDigest>(text);
}
Result<EventId> parse_event_id(std::string_view text) {
    return base::parse_fixed_hex<EventId>(text);
}
Result<EvmAddress> parse_evm_address(std::string_view text) {
    return base::parse_fixed_hex<EvmAddress>(text);
}
Result<Bytes32> parse_bytes32(std::string_view text) {
    return base::parse_fixed_hex<Bytes32>(text);
}
Result<TraceId> parse_trace_id(std::string_view text) {
    return base::parse_fixed_hex<TraceId>(text);
}

std::string to_checksum_string(const EvmAddress& address) {
    std::string digits = base::hex(address.view());
    const auto hash = hash::keccak256(base::as_bytes(digits));
    for (std::size_t i = 0; i < digits.size(); ++i) {
        const int nibble = (hash.at(i / 2) >> (i % 2 == 0 ? 4 : 0)) & 15;
        if (nibble >= 8 && digits[i] >= 'a') {
            digits[i] = static_cast<char>(digits[i] - 'a' + 'A');
        }
    }
    return "0x" + digits;
}

Result<WorkflowId> WorkflowId::parse(std::string_view text) {
    constexpr std::size_t kMin = 3;
    constexpr std::size_t kMax = 36;
    if (text.size() < kMin || text.size() > kMax) {
        return Error(ErrorKind::Invalid, "workflow_id_length",
                     "ID must be between 3 and 36 characters");
    }
    for (std::string_view rest = text; !rest.empty();) {
        const auto point = first_code_point(rest);
        const char32_t c = point.has_value() ? point->value : U'!';
        if (!(c >= 'a' && c <= 'z') && c != '-' && c != '_' && !is_unicode_number(c)) {
            return Error(ErrorKind::Invalid, "workflow_id_character",
                         "ID must be lowercase alphanumeric");
        }
        rest.remove_prefix(point->size);
    }
    return WorkflowId(std::string(text));
}

Result<ChainKey> ChainKey::parse(std::string_view text) {
    constexpr std::size_t kMax = 32;
    constexpr std::string_view kLower = "-abcdefghijklmnopqrstuvwxyz0123456789";
    constexpr std::string_view kAny =
        "-_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    const std::size_t colon = text.find(':');
    const auto fits = [](std::string_view part, std::string_view allowed) {
        return !part.empty() && part.size() <= kMax &&
               part.find_first_not_of(allowed) == std::string_view::npos;
    };
    if (colon == std::string_view::npos || !fits(text.substr(0, colon), kLower) ||
        !fits(text.substr(colon + 1), kAny)) {
        return Error(ErrorKind::Invalid, "chain_key",
                     "ChainKey must follow the CAIP-2-like format of 'namespace:id'");
    }
    return ChainKey(std::string(text), colon);
}

std::string_view ChainKey::id() const {
    return empty() ? std::string_view() : std::string_view(text_).substr(colon_ + 1);
}

}  // namespace wavs::types
