// SPDX-License-Identifier: Apache-2.0
#pragma once

// The choice among collected signatures, for an aggregator component that is built against
// `wavs:quorum/aggregator-world`: implement the function, and include this header in the source
// file that includes aggregator.hpp.

#include <span>
#include <variant>
#include <vector>

#include "wavs/aggregator.hpp"

namespace wavs {

struct QuorumEntry {
    /// 20 bytes
    Bytes signer;
    /// In decimal digits; it may not fit 64 bits.
    std::string weight;
    Bytes signature;
};

using Submit = std::variant<EvmSubmit, CosmosSubmit>;

/// The places in `entries` of those to post, each once; none holds the result until a further
/// signature. An error holds it too, and is logged.
Result<std::vector<std::uint32_t>> on_select(BytesView event_id, const Submit& action,
                                             std::span<const QuorumEntry> entries);

namespace detail {

inline Bytes copy(BytesView bytes) { return {bytes.begin(), bytes.end()}; }

inline std::optional<U128> take(const wavs_aggregator_output_option_u128_t& price) {
    if (!price.is_some) {
        return std::nullopt;
    }
    return U128{price.val.value.f0, price.val.value.f1};
}

inline Submit take(const wavs_aggregator_output_submit_action_t& action) {
    if (action.tag == WAVS_AGGREGATOR_OUTPUT_SUBMIT_ACTION_EVM) {
        const auto& evm = action.val.evm;
        return EvmSubmit{std::string(raw::view(evm.chain)), copy(raw::view(evm.address.raw_bytes)),
                         take(evm.gas_price)};
    }
    const auto& cosmos = action.val.cosmos;
    return CosmosSubmit{std::string(raw::view(cosmos.chain)),
                        std::string(raw::view(cosmos.address.bech32_addr)),
                        cosmos.address.prefix_len, take(cosmos.gas_price)};
}

inline std::vector<QuorumEntry> take(const exports_wavs_quorum_select_list_quorum_entry_t& list) {
    std::vector<QuorumEntry> entries;
    entries.reserve(list.len);
    for (const auto& entry : std::span(list.ptr, list.len)) {
        entries.push_back({copy(raw::view(entry.signer)), std::string(raw::view(entry.weight)),
                           copy(raw::view(entry.signature))});
    }
    return entries;
}

}  // namespace detail
}  // namespace wavs

extern "C" inline __attribute__((used)) bool exports_wavs_quorum_select_select(
    wavs_list_u8_t* event_id, exports_wavs_quorum_select_submit_action_t* action,
    exports_wavs_quorum_select_list_quorum_entry_t* entries, wavs_list_u32_t* ret,
    wavs_string_t* err) {
    const auto list = wavs::detail::take(*entries);
    const auto chosen =
        wavs::on_select(wavs::raw::view(*event_id), wavs::detail::take(*action), list);
    if (!chosen) {
        *err = wavs::raw::give(std::string_view(chosen.error()));
        return false;
    }
    auto* places = wavs::raw::allocate<std::uint32_t>(chosen->size());
    std::copy(chosen->begin(), chosen->end(), places);
    *ret = {places, chosen->size()};
    return true;
}
