// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "evm_fixture.hpp"

#include "wavs/chain_evm/abi.hpp"
#include "wavs/chain_evm/posted_scan.hpp"
#include "wavs/telemetry/testing/captured_log.hpp"

#include <map>
#include <set>

namespace wavs::chain_evm::testing {

using Found = base::Result<std::optional<PostedResult>>;

inline types::EvmAddress handler(std::uint8_t last) {
    types::EvmAddress out;
    out.array()[19] = last;
    return out;
}
inline types::EventId event(std::uint8_t first) {
    types::EventId out;
    out.array()[0] = first;
    return out;
}
inline types::Envelope envelope_of(const types::EventId& id) {
    types::Envelope envelope;
    envelope.event_id = id;
    envelope.payload = {1, 2, 3};
    return envelope;
}
inline base::Bytes call_of(const types::EventId& id) {
    return encode_handle_signed_envelope(
        envelope_of(id), make_signature_data({{handler(9), base::Bytes(65, 7)}}, 41));
}

/// Its blocks come a second later than the rest.
class SlowBlocks final : public RpcTransport {
public:
    SlowBlocks(std::shared_ptr<RpcTransport> inner, async::Timers& timers)
        : inner_(std::move(inner)), timers_(timers) {}
    async::Task<base::Result<RpcReply>> call(std::string method, std::string params) override {
        co_return co_await inner_->call(std::move(method), std::move(params));
    }
    async::Task<std::vector<base::Result<RpcReply>>> call_in_order(
        std::string method, std::vector<std::string> params) override {
        waiting = true;
        const auto slept = co_await timers_.sleep_for(std::chrono::seconds(1));
        waiting = false;
        if (!slept.has_value()) {
            co_return std::vector<base::Result<RpcReply>>(params.size(), slept.error());
        }
        co_return co_await inner_->call_in_order(std::move(method), std::move(params));
    }
    std::string endpoint() const override { return inner_->endpoint(); }

    bool waiting = false;

private:
    const std::shared_ptr<RpcTransport> inner_;
    async::Timers& timers_;
};

/// A chain whose blocks the test writes, one letter of hash per fork.
class PostedScanTest : public ScriptedTest {
protected:
    struct Tx {
        types::Bytes32 hash;
        types::EvmAddress to;
        base::Bytes input;
        bool success = true;
        bool has_receipt = true;
    };
    struct FakeBlock {
        types::Bytes32 hash;
        types::Bytes32 parent;
        std::vector<Tx> transactions;
        std::string more;
    };

    void SetUp() override {
        ScriptedTest::SetUp();
        node_.answers["eth_blockNumber"] = [this](const std::string&) {
            return fmt::format("\"result\":\"{}\"", quantity(head()));
        };
        node_.answers["eth_getBlockByNumber"] = [this](const std::string& params) {
            return answer_block(params);
        };
        node_.answers["eth_getTransactionReceipt"] = [this](const std::string& params) {
            return answer_receipt(params.substr(2, 66));
        };
        mine(1);
        make({});
    }
    void make(PostedScan::Limits limits) {
        scan_ =
            std::make_unique<PostedScan>("evm:1", client(), ServiceManagerClient(client(), clock_),
                                         context_.get_executor(), limits);
    }
    std::shared_ptr<SlowBlocks> slow_down() {
        auto made =
            std::make_shared<SlowBlocks>(make_http_transport(http_, server_->url()), timers_);
        scan_ = std::make_unique<PostedScan>("evm:1", RpcClient(made),
                                             ServiceManagerClient(client(), clock_),
                                             context_.get_executor());
        return made;
    }
    std::uint64_t head() const { return blocks_.rbegin()->first; }
    void mine(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            const auto number = blocks_.empty() ? 0 : head() + 1;
            FakeBlock block;
            block.hash = next_hash();
            block.parent = number == 0 ? types::Bytes32() : blocks_[number - 1].hash;
            blocks_[number] = block;
        }
    }
    types::Bytes32 next_hash() {
        types::Bytes32 out;
        ++hashes_;
        out.array()[0] = 0xaa;
        out.array()[30] = static_cast<std::uint8_t>(hashes_ >> 8);
        out.array()[31] = static_cast<std::uint8_t>(hashes_);
        return out;
    }
    types::Bytes32 put(std::uint64_t block, std::uint8_t to, base::Bytes input,
                       bool success = true) {
        const auto hash = next_hash();
        blocks_[block].transactions.push_back({hash, handler(to), std::move(input), success, true});
        return hash;
    }
    types::Bytes32 post(std::uint64_t block, std::uint8_t id, bool success = true) {
        return put(block, 1, call_of(event(id)), success);
    }
    /// Replaces the blocks from `number` on by as many empty ones.
    void replace_from(std::uint64_t number) {
        const auto count = head() - number + 1;
        blocks_.erase(blocks_.find(number), blocks_.end());
        mine(count);
    }

    std::string answer_block(const std::string& params) {
        const auto number = parse_quantity(params.substr(2, params.find('"', 2) - 2)).value();
        ++reads_[number];
        if (const auto fault = faults_.find(number); fault != faults_.end()) {
            return fault->second;
        }
        const auto found = blocks_.find(number);
        if (found == blocks_.end()) {
            return "\"result\":null";
        }
        EXPECT_NE(params.find(",true]"), std::string::npos);
        std::string list;
        for (const auto& tx : found->second.transactions) {
            list += fmt::format(
                R"({}{{"hash":"{}","from":"{}","to":"{}","nonce":"0x0","input":"{}"}})",
                list.empty() ? "" : ",", types::to_string(tx.hash), types::to_string(handler(99)),
                types::to_string(tx.to), base::hex0x(tx.input));
        }
        return fmt::format(
            R"("result":{{"number":"{}","hash":"{}","parentHash":"{}"{},"transactions":[{}]}})",
            quantity(number), types::to_string(found->second.hash),
            types::to_string(found->second.parent), found->second.more, list);
    }
    std::string answer_receipt(const std::string& hash) {
        for (const auto& [number, block] : blocks_) {
            for (const auto& tx : block.transactions) {
                if (types::to_string(tx.hash) == hash && tx.has_receipt) {
                    return fmt::format(
                        R"("result":{{"transactionHash":"{}","blockHash":"{}","blockNumber":"{}","status":"{}"}})",
                        hash, types::to_string(block.hash), quantity(number),
                        quantity(std::uint64_t{tx.success}));
                }
            }
        }
        return "\"result\":null";
    }

    // After the head that was read before is old.
    Found find(std::uint8_t to, std::uint8_t id, std::uint64_t from = 0) {
        clock_.advance(std::chrono::milliseconds(200));
        return run(scan_->find(handler(to), event(id), from));
    }
    Found find(std::uint8_t id) { return find(1, id); }
    base::Result<BlockCount> blocks_after(std::uint64_t block) {
        clock_.advance(std::chrono::milliseconds(200));
        return run(scan_->blocks_after(block));
    }
    std::optional<types::Bytes32> hash_of(const Found& found) {
        if (!found.has_value()) {
            ADD_FAILURE() << found.error().full_text();
            return std::nullopt;
        }
        return found.value() ? std::optional(found.value()->tx_hash) : std::nullopt;
    }
    std::size_t blocks_read() const { return node_.count("eth_getBlockByNumber"); }
    std::size_t receipts_read() const { return node_.count("eth_getTransactionReceipt"); }
    static async::Task<void> find_into(PostedScanTest& test, std::uint64_t from,
                                       std::vector<Found>& out) {
        out.push_back(co_await test.scan_->find(handler(1), event(1), from));
    }

    static async::Task<void> find_event_into(PostedScanTest& test, std::uint8_t id,
                                             std::vector<Found>& out) {
        out.push_back(co_await test.scan_->find(handler(1), event(id), 0));
    }

    std::map<std::uint64_t, FakeBlock> blocks_;
    std::map<std::uint64_t, std::string> faults_;
    std::map<std::uint64_t, int> reads_;
    std::size_t hashes_ = 0;
    std::unique_ptr<PostedScan> scan_;
    telemetry::testing::CapturedLog log_;
};

}  // namespace wavs::chain_evm::testing
