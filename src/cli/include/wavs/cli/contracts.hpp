// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/chain_evm/abi.hpp"
#include "wavs/chain_evm/log.hpp"
#include "wavs/crypto/keyring.hpp"
#include "wavs/types/ids.hpp"

#include <cstdint>
#include <string_view>

namespace wavs::cli {

/// The contracts of `contracts/`: what to send to deploy and to call them, and what their logs say.

/// When a signed result counts.
struct QuorumRule {
    std::uint64_t threshold_weight = 1;
    std::uint64_t numerator = 2;
    std::uint64_t denominator = 3;
};

base::Result<base::Bytes> deploy_manager_data(const types::EvmAddress& owner,
                                              const QuorumRule& rule);
base::Result<base::Bytes> deploy_handler_data(const types::EvmAddress& manager);
base::Result<base::Bytes> deploy_trigger_data();

/// First four bytes of the Keccak of "name(types)".
chain_evm::Selector selector_for(std::string_view signature);
types::Bytes32 topic_for(std::string_view signature);

base::Bytes set_service_uri_call(std::string_view uri);
base::Bytes register_operator_call(const types::EvmAddress& address, std::uint64_t weight);
base::Bytes update_signing_key_call(const types::EvmAddress& signing_key,
                                    const crypto::RecoverableSignature& proof);
base::Bytes add_trigger_call(base::ByteView data);

/// What a new signing key signs, without a prefix: the Keccak of the operator's address as an ABI
/// argument.
types::Bytes32 possession_message(const types::EvmAddress& operator_address);
crypto::RecoverableSignature prove_possession(const types::EvmAddress& operator_address,
                                              const crypto::EvmSigner& signing_key);

/// Topic 0 of `NewTrigger(bytes)`.
const types::Bytes32& new_trigger_topic();
/// Topic 0 of `EnvelopeHandled(bytes20,uint64,bytes)`.
const types::Bytes32& envelope_handled_topic();

struct NewTriggerLog {
    std::uint64_t trigger_id = 0;
    types::EvmAddress creator;
    base::Bytes data;
};
base::Result<NewTriggerLog> read_new_trigger(const chain_evm::EvmLog& log);

struct EnvelopeHandledLog {
    types::EventId event_id;
    std::uint64_t trigger_id = 0;
    base::Bytes data;
};
base::Result<EnvelopeHandledLog> read_envelope_handled(const chain_evm::EvmLog& log);

}  // namespace wavs::cli
