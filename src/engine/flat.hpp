// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/engine/jobs.hpp"
#include "wavs/types/chain_config.hpp"

#include <optional>
#include <string>
#include <vector>

namespace wavs::engine {

/// Values as they cross to the guest library: rust/FLAT.md. The order of fields and cases is that
/// of `wit/`, which is not the order of our own types.

base::Bytes flat_trigger_action(const types::TriggerAction& action);
base::Bytes flat_aggregator_input(const types::TriggerAction& action,
                                  const types::WasmResponse& response);
/// The input of handle-submit-callback.
base::Bytes flat_submit_callback(const types::TriggerAction& action,
                                 const types::WasmResponse& response, const SubmitResult& result);
/// The input of select.
base::Bytes flat_selection(const types::EventId& event, const types::SubmitAction& action,
                           const std::vector<QuorumEntry>& entries);
base::Bytes flat_service(const types::Service& service);
/// `guest_endpoint`, when there is one, stands in place of the endpoints.
base::Bytes flat_evm_chain(const types::NamedChainConfig& chain);
base::Bytes flat_cosmos_chain(const types::NamedChainConfig& chain);
base::Bytes flat_key_response(const std::vector<std::string>& keys,
                              const std::optional<std::string>& cursor);

/// Outputs. `rt_output` (Bug) when the bytes do not decode: they come from our own library.
base::Result<std::vector<types::WasmResponse>> read_responses(base::ByteView flat);
/// `convert_aggregator_action` (Guest) when an address or chain key is none; then no action counts.
base::Result<std::vector<types::AggregatorAction>> read_actions(base::ByteView flat);
base::Result<std::vector<std::uint32_t>> read_indices(base::ByteView flat);

}  // namespace wavs::engine
