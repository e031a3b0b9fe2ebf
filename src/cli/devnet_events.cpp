// SPDX-License-Identifier: Apache-2.0
#include "wavs/cli/devnet.hpp"

namespace wavs::cli {
namespace {

/// Whether a transaction to `handler` waits in the pool or has just been mined.
async::Task<base::Result<bool>> sees_transaction(chain_evm::RpcClient rpc,
                                                 types::EvmAddress handler) {
    WAVS_CO_TRY(const auto pending,
                co_await rpc.block_with_transactions(chain_evm::BlockRef::pending()));
    if (pending) {
        for (const auto& transaction : pending->transactions) {
            if (transaction.to == handler) {
                co_return true;
            }
        }
    }
    co_return false;
}

}  // namespace

async::Task<base::Result<types::Bytes32>> Devnet::send_trigger(types::EvmAddress trigger,
                                                               base::Bytes data) {
    auto call = add_trigger_call(data);
    co_return co_await anvil().send(owner_, trigger, std::move(call));
}

async::Task<base::Result<FiredEvent>> Devnet::fired(types::Bytes32 tx_hash) {
    WAVS_CO_TRY(const auto receipt, co_await anvil().wait_mined(tx_hash, options_.patience));
    for (const auto& log : receipt.logs) {
        if (auto event = read_new_trigger(log); event.has_value()) {
            co_return FiredEvent{event.value().trigger_id, tx_hash, receipt.block_number};
        }
    }
    co_return base::Error(base::ErrorKind::Invalid, "devnet_trigger",
                          "the trigger transaction has no NewTrigger event");
}

async::Task<base::Result<FiredEvent>> Devnet::fire(types::EvmAddress trigger, base::Bytes data) {
    WAVS_CO_TRY(const auto hash, co_await send_trigger(trigger, std::move(data)));
    co_return co_await fired(hash);
}

async::Task<base::Result<std::vector<HandledEvent>>> Devnet::handled(types::EvmAddress handler,
                                                                     std::uint64_t from_block) {
    auto rpc = anvil().rpc();
    WAVS_CO_TRY(const auto head, co_await rpc.block_number());
    std::vector<HandledEvent> out;
    if (from_block > head) {
        co_return out;
    }
    chain_evm::LogFilter filter{{handler}, {envelope_handled_topic()}};
    WAVS_CO_TRY(const auto logs, co_await rpc.logs(std::move(filter), from_block, head));
    for (const auto& log : logs) {
        WAVS_CO_TRY(auto read, read_envelope_handled(log));
        HandledEvent event;
        event.event_id = read.event_id;
        event.trigger_id = read.trigger_id;
        event.data = std::move(read.data);
        event.tx_hash = log.tx_hash.value_or(types::Bytes32());
        event.block_number = log.block_number.value_or(0);
        out.push_back(std::move(event));
    }
    co_return out;
}

async::Task<base::Result<std::vector<ResultTransaction>>> Devnet::result_transactions(
    types::EvmAddress handler, std::uint64_t from_block) {
    auto rpc = anvil().rpc();
    WAVS_CO_TRY(const auto head, co_await rpc.block_number());
    std::vector<ResultTransaction> out;
    for (auto number = from_block; number <= head; ++number) {
        WAVS_CO_TRY(const auto block,
                    co_await rpc.block_with_transactions(chain_evm::BlockRef::at(number)));
        for (const auto& one :
             block ? block->transactions : std::vector<chain_evm::TransactionInfo>()) {
            if (one.to != handler ||
                chain_evm::selector_of(one.input) != chain_evm::fn::kHandleSignedEnvelope) {
                continue;
            }
            WAVS_CO_TRY(const auto call, chain_evm::decode_handle_signed_envelope(one.input));
            WAVS_CO_TRY(const auto receipt, co_await rpc.receipt(one.hash));
            out.push_back({call.envelope.event_id, one.hash, one.from, call.signatures.signers,
                           number, !receipt || !receipt->success});
        }
    }
    co_return std::move(out);
}

async::Task<base::Result<HandledEvent>> Devnet::wait_handled(types::EvmAddress handler,
                                                             FiredEvent event) {
    Poller poller(tools_, options_.patience,
                  fmt::format("result for trigger {}", event.trigger_id));
    std::optional<base::WallTime> sent_at;
    while (true) {
        WAVS_CO_TRY(auto results, co_await handled(handler, event.block_number));
        for (auto& result : results) {
            if (result.trigger_id == event.trigger_id) {
                result.sent_at = sent_at.value_or(tools_.clock.wall_now());
                co_return std::move(result);
            }
        }
        if (const auto ended = ended_process(); !ended.empty()) {
            co_return base::Error(base::ErrorKind::Unavailable, "devnet_ended",
                                  ended + " ended while its result was awaited");
        }
        if (!sent_at) {
            WAVS_CO_TRY(const bool seen, co_await sees_transaction(anvil().rpc(), handler));
            sent_at = seen ? std::optional(tools_.clock.wall_now()) : std::nullopt;
        }
        WAVS_CO_TRY(co_await poller.pause());
    }
}

async::Task<base::Result<base::Bytes>> Devnet::read_result(types::EvmAddress handler,
                                                           std::uint64_t trigger_id) {
    chain_evm::CallRequest call;
    call.to = handler;
    call.data = chain_evm::encode_call(selector_for("getData(uint64)"),
                                       {chain_evm::AbiValue::uint(trigger_id)});
    WAVS_CO_TRY(const auto outcome, co_await anvil().rpc().call(std::move(call)));
    if (const auto* reverted = std::get_if<chain_evm::Reverted>(&outcome)) {
        co_return base::Error(base::ErrorKind::NotFound, "devnet_result",
                              fmt::format("the handler has no result for trigger {}: {}",
                                          trigger_id, reverted->info.text));
    }
    co_return chain_evm::decode_bytes(std::get<base::Bytes>(outcome));
}

async::Task<base::Result<std::optional<base::Bytes>>> Devnet::kv_read(types::ServiceId service,
                                                                      std::string bucket,
                                                                      std::string key,
                                                                      unsigned index) {
    co_return co_await node(index).client().kv_read(service, std::move(bucket), std::move(key));
}

async::Task<base::Result<void>> Devnet::wait_kv(types::ServiceId service, std::string bucket,
                                                std::string key, std::string value,
                                                unsigned index) {
    Poller poller(tools_, options_.patience, fmt::format("value {}/{}", bucket, key));
    while (true) {
        WAVS_CO_TRY(const auto got, co_await kv_read(service, bucket, key, index));
        if (got && base::as_text(*got) == value) {
            co_return base::ok();
        }
        WAVS_CO_TRY(co_await poller.pause());
    }
}

}  // namespace wavs::cli
