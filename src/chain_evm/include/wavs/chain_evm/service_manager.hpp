// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/clock.hpp"
#include "wavs/chain_evm/abi.hpp"
#include "wavs/chain_evm/rpc_client.hpp"
#include "wavs/types/envelope.hpp"
#include "wavs/types/signer_counts.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace wavs::chain_evm {

/// How `validate` ended. `text` is what a submit callback gets to see.
struct QuorumReached {
    types::EvmAddress manager;
    SignatureData signatures;
};
struct InsufficientQuorum {
    QuorumWeights weights;
    std::string text;
};
/// Not yet: an operator whose registration is not in a block, stake below the threshold.
struct ValidateWait {
    RevertInfo revert;
    std::string text;
};
/// The manager refuses; `revert.revert_class` tells what may help.
struct ValidateRefused {
    RevertInfo revert;
    std::string text;
};
using ValidateOutcome =
    std::variant<QuorumReached, InsufficientQuorum, ValidateWait, ValidateRefused>;

/// Read access to service managers and handlers. Copies are cheap. The messages of its errors carry
/// the prefixes of docs/protocol/05-evm.md 6. Codes: `manager_lookup_failed`,
/// `block_number_failed`, `validate_failed`, `manager_call_failed`.
class ServiceManagerClient {
public:
    explicit ServiceManagerClient(RpcClient client) : client_(std::move(client)) {}
    /// Shares between its copies what many submissions ask at the same moment: the head and the
    /// handlers' managers hold for 200 ms, or until `on_head()`. The clock must outlive it.
    ServiceManagerClient(RpcClient client, const base::Clock& clock);
    void on_head();

    async::Task<base::Result<std::string>> get_service_uri(types::EvmAddress manager,
                                                           BlockRef at = BlockRef::latest());
    /// The manager of a handler; an error when it is zero or has no code.
    async::Task<base::Result<types::EvmAddress>> get_service_manager(types::EvmAddress handler);
    async::Task<base::Result<U256>> operator_weight(types::EvmAddress manager,
                                                    types::EvmAddress operator_address,
                                                    BlockRef at = BlockRef::latest());
    /// None when the key is not registered.
    async::Task<base::Result<std::optional<types::EvmAddress>>> operator_for_signing_key(
        types::EvmAddress manager, types::EvmAddress signing_key, BlockRef at = BlockRef::latest());
    /// Of the operator with this key; 0 when there is none.
    async::Task<base::Result<U256>> key_weight(types::EvmAddress manager,
                                               types::EvmAddress signing_key, BlockRef at);
    /// Whether signatures of this key count now. Unknown when the manager does not know keys, only
    /// signatures.
    async::Task<base::Result<types::SignerCounts>> counts(types::EvmAddress manager,
                                                          types::EvmAddress signing_key);

    /// Number of the newest block.
    async::Task<base::Result<std::uint64_t>> head();
    /// Head - 1; 0 on a chain without a block, an error at or above 2^32.
    async::Task<base::Result<std::uint32_t>> reference_block();
    /// Whole quorum check for a handler: manager, its code, reference block, `validate`.
    async::Task<base::Result<ValidateOutcome>> validate(types::EvmAddress handler,
                                                        types::Envelope envelope,
                                                        std::vector<SignerSignature> signatures);

private:
    struct Reads;
    async::Task<base::Result<types::EvmAddress>> look_up_manager(types::EvmAddress handler);
    async::Task<base::Result<base::Bytes>> read(types::EvmAddress contract, base::Bytes call,
                                                BlockRef at = BlockRef::latest());
    async::Task<base::Result<InsufficientQuorum>> explain_quorum(types::EvmAddress manager,
                                                                 QuorumWeights weights);

    RpcClient client_;
    std::shared_ptr<Reads> reads_;
};

}  // namespace wavs::chain_evm
