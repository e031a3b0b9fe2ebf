// SPDX-License-Identifier: Apache-2.0
#include "wavs/aggregator/evm_target.hpp"

#include <variant>

namespace wavs::aggregator {
namespace {

base::Result<types::EvmSubmitAction> evm_action(const types::SubmitAction& action) {
    const auto* evm = std::get_if<types::EvmSubmitAction>(&action);
    if (evm == nullptr) {
        return base::Error(
            base::ErrorKind::Invalid, "wrong_chain_kind",
            fmt::format(
                "Chain Config: {} is an EVM chain, the component asked for a Cosmos address",
                types::chain_of(action).str()),
            "correct the aggregator component or its configuration");
    }
    return *evm;
}

std::vector<chain_evm::SignerSignature> signatures_of(
    const std::vector<types::QueueSignature>& from) {
    std::vector<chain_evm::SignerSignature> out;
    for (const auto& one : from) {
        out.push_back({one.signer, one.signature.data});
    }
    return out;
}

// A refusal that time or another operator's signature can lift is a wait.
bool may_change(chain_evm::RevertClass revert) {
    return revert == chain_evm::RevertClass::Wait || revert == chain_evm::RevertClass::Config ||
           revert == chain_evm::RevertClass::Drop;
}

QuorumCheck to_check(const chain_evm::ValidateOutcome& outcome) {
    using State = QuorumCheck::State;
    if (std::holds_alternative<chain_evm::QuorumReached>(outcome)) {
        return {State::Reached, {}};
    }
    if (const auto* insufficient = std::get_if<chain_evm::InsufficientQuorum>(&outcome)) {
        return {State::Waiting, insufficient->text};
    }
    if (const auto* wait = std::get_if<chain_evm::ValidateWait>(&outcome)) {
        return {State::Waiting, wait->text};
    }
    const auto& refused = std::get<chain_evm::ValidateRefused>(outcome);
    return {may_change(refused.revert.revert_class) ? State::Waiting : State::Refused,
            refused.text};
}

async::Task<base::Result<void>> run_before_send(
    std::function<async::Task<base::Result<void>>(types::TxHash)> before_send,
    chain_evm::SignedTransaction transaction) {
    if (!before_send) {
        co_return base::ok();
    }
    types::TxHash hash = types::EvmTxHash{transaction.hash};
    co_return co_await before_send(std::move(hash));
}

}  // namespace

async::Task<base::Result<QuorumCheck>> EvmTarget::check(
    types::SubmitAction action, types::Envelope envelope,
    std::vector<types::QueueSignature> signatures) {
    WAVS_CO_TRY(auto evm, evm_action(action));
    auto managers = chain_.service_managers();
    WAVS_CO_TRY(auto outcome, co_await managers.validate(evm.address, std::move(envelope),
                                                         signatures_of(signatures)));
    co_return to_check(outcome);
}

async::Task<base::Result<Posted>> EvmTarget::post(PostRequest request) {
    WAVS_CO_TRY(auto evm, evm_action(request.action));
    auto managers = chain_.service_managers();
    WAVS_CO_TRY(auto validated, co_await managers.validate(evm.address, request.envelope,
                                                           signatures_of(request.signatures)));
    const auto* reached = std::get_if<chain_evm::QuorumReached>(&validated);
    if (reached == nullptr) {
        co_return base::Error(base::ErrorKind::Unavailable, "quorum_lost",
                              to_check(validated).text);
    }
    WAVS_CO_TRY(auto account, co_await chain_.transactions(account_));
    WAVS_CO_TRY(auto simulated, co_await managers.simulate(evm.address, account->address(),
                                                           request.envelope, reached->signatures));
    if (const auto* refused = std::get_if<chain_evm::HandlerRefused>(&simulated)) {
        co_return Posted{Posted::State::HandlerRefused, std::nullopt,
                         "EVM client: No Transaction Receipt: " + refused->revert.text};
    }
    chain_evm::TxRequest transaction;
    transaction.to = evm.address;
    transaction.data =
        chain_evm::encode_handle_signed_envelope(request.envelope, reached->signatures);
    if (evm.gas_price) {
        transaction.gas_price = static_cast<chain_evm::Wei>(*evm.gas_price);
    }
    transaction.max_gas = request.max_gas;
    auto before_send = std::move(request.before_send);
    transaction.on_signed = [before_send](chain_evm::SignedTransaction signed_transaction) {
        return run_before_send(before_send, std::move(signed_transaction));
    };
    WAVS_CO_TRY(auto receipt, co_await account->send(std::move(transaction)));
    co_return Posted{Posted::State::Mined, types::EvmTxHash{receipt.tx_hash}, {}};
}

async::Task<base::Result<std::optional<bool>>> EvmTarget::outcome(types::TxHash hash) {
    const auto* evm = std::get_if<types::EvmTxHash>(&hash);
    if (evm == nullptr) {
        co_return std::optional<bool>();
    }
    auto client = chain_.client();
    WAVS_CO_TRY(auto receipt, co_await client.receipt(evm->hash));
    co_return receipt ? std::optional(receipt->success) : std::nullopt;
}

}  // namespace wavs::aggregator
