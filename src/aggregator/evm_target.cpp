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
    if (const auto* reached = std::get_if<chain_evm::QuorumReached>(&outcome)) {
        return {State::Reached, {}, reached->signatures.reference_block};
    }
    if (const auto* insufficient = std::get_if<chain_evm::InsufficientQuorum>(&outcome)) {
        return {State::Waiting, insufficient->text, 0, "InsufficientQuorum"};
    }
    if (const auto* wait = std::get_if<chain_evm::ValidateWait>(&outcome)) {
        return {State::Waiting, wait->text, 0, wait->revert.name};
    }
    const auto& refused = std::get<chain_evm::ValidateRefused>(outcome);
    return {may_change(refused.revert.revert_class) ? State::Waiting : State::Refused, refused.text,
            0, refused.revert.name};
}

chain_evm::OnSigned on_evm_signed(OnSigned on_signed) {
    if (!on_signed) {
        return {};
    }
    return [on_signed = std::move(on_signed)](const chain_evm::SignedTransaction& transaction) {
        return on_signed(types::EvmTxHash{transaction.hash});
    };
}

Posted mined(chain_evm::Mined done) {
    Posted out;
    out.tx_hash = types::EvmTxHash{done.receipt.tx_hash};
    out.settled = std::move(done.settled);
    return out;
}

}  // namespace

async::Task<base::Result<QuorumCheck>> EvmTarget::check(CheckRequest request) {
    WAVS_CO_TRY(auto evm, evm_action(request.action));
    auto managers = chain_.service_managers();
    if (!handlers_.is_listed(evm.address)) {
        WAVS_CO_TRY(const auto manager, co_await managers.get_service_manager(evm.address));
        if (auto refusal = handlers_.refusal(*request.service, evm.address, manager)) {
            co_return QuorumCheck{QuorumCheck::State::Waiting, std::move(*refusal), 0,
                                  "handler_not_allowed"};
        }
    }
    WAVS_CO_TRY(auto outcome, co_await managers.validate(evm.address, std::move(request.envelope),
                                                         signatures_of(request.signatures)));
    co_return to_check(outcome);
}

async::Task<base::Result<Posted>> EvmTarget::post(PostRequest request) {
    WAVS_CO_TRY(auto evm, evm_action(request.action));
    WAVS_CO_TRY(auto account, co_await chain_.transactions(account_));
    const auto proof =
        chain_evm::make_signature_data(signatures_of(request.signatures), request.reference_block);
    chain_evm::TxRequest transaction;
    transaction.to = evm.address;
    transaction.data = chain_evm::encode_handle_signed_envelope(request.envelope, proof);
    if (evm.gas_price) {
        transaction.gas_price = static_cast<chain_evm::Wei>(*evm.gas_price);
    }
    transaction.max_gas = request.max_gas;
    transaction.payer = request.service;
    transaction.reference = std::move(request.reference);
    transaction.on_signed = on_evm_signed(std::move(request.on_signed));
    auto done = co_await account->send(std::move(transaction));
    if (done.has_value()) {
        co_return mined(std::move(done.value()));
    }
    // The handler was asked by the estimate. What may pass with time is no refusal.
    const auto& error = done.error();
    if (error.code() == base::ErrorCode("tx_estimate_failed") &&
        error.kind() == base::ErrorKind::Invalid) {
        Posted refused;
        refused.state = Posted::State::HandlerRefused;
        refused.text = error.message();
        co_return refused;
    }
    co_return std::move(done).error();
}

async::Task<base::Result<std::optional<Posted>>> EvmTarget::resume(base::Bytes reference,
                                                                   OnSigned on_signed) {
    WAVS_CO_TRY(auto account, co_await chain_.transactions(account_));
    WAVS_CO_TRY(auto done, co_await account->resume(std::move(reference),
                                                    on_evm_signed(std::move(on_signed))));
    co_return done ? std::optional(mined(std::move(*done))) : std::nullopt;
}

async::Task<base::Result<std::optional<PostedElsewhere>>> EvmTarget::find_posted(
    types::SubmitAction action, types::EventId event, std::uint64_t from_block) {
    WAVS_CO_TRY(const auto evm, evm_action(action));
    WAVS_CO_TRY(const auto found, co_await chain_.posted().find(evm.address, event, from_block));
    co_return found
        ? std::optional(PostedElsewhere{types::EvmTxHash{found->tx_hash}, found->envelope_digest})
        : std::nullopt;
}

async::Task<base::Result<std::vector<std::string>>> EvmTarget::weights(
    types::SubmitAction action, std::vector<types::EvmAddress> signers,
    std::uint32_t reference_block) {
    WAVS_CO_TRY(const auto evm, evm_action(action));
    auto managers = chain_.service_managers();
    WAVS_CO_TRY(const auto manager, co_await managers.get_service_manager(evm.address));
    std::vector<std::string> out;
    for (const auto& signer : signers) {
        WAVS_CO_TRY(const auto weight,
                    co_await managers.key_weight(manager, signer,
                                                 chain_evm::BlockRef::at(reference_block)));
        out.push_back(chain_evm::to_decimal(weight));
    }
    co_return out;
}

async::Task<base::Result<std::uint64_t>> EvmTarget::head() { co_return co_await chain_.head(); }

async::Task<base::Result<BlockCount>> EvmTarget::blocks_after(std::uint64_t block) {
    WAVS_CO_TRY(const auto count, co_await chain_.posted().blocks_after(block));
    co_return BlockCount{count.with_room, count.full};
}

async::Task<base::Result<std::uint64_t>> EvmTarget::block_at(types::Timestamp time) {
    co_return co_await chain_.block_at(time);
}

}  // namespace wavs::aggregator
