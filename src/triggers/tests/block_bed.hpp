// SPDX-License-Identifier: Apache-2.0
#pragma once

// A source with block intervals on a scripted chain, where manager 7 announces manifests.

#include "block_services.hpp"
#include "source_bed.hpp"
#include "wavs/chain_evm/abi.hpp"
#include "wavs/chain_evm/selectors.hpp"

namespace wavs::triggers {

class BlockSourceTest : public SourceTest {
protected:
    BlockSourceTest() {
        node_.answers["eth_getLogs"] = [this](const std::string& params) {
            return "\"result\":[" + announcements_json(params) + "]";
        };
    }

    /// The chain is at 100, and the service of manager 7 is in force from there.
    void start_with(std::vector<types::RegisteredServicePtr> services,
                    std::uint32_t confirmations = 0) {
        services_ = std::move(services);
        start(confirmations);
    }
    static types::RegisteredServicePtr revision(
        const std::vector<std::pair<std::string, types::BlockIntervalTrigger>>& triggers,
        types::ChainPosition from = types::ChainPosition::end_of(100),
        types::ServiceStatus status = {}) {
        return testing::block_service(7, triggers, from, kKey, status);
    }
    void connect() override {
        const auto pairs = TriggerIndex::build(services_).of(kKey).pairs;
        if (pairs.empty()) {
            tell(chain_evm::Connected{"test"});
        } else {
            tell(chain_evm::FilterLive{filter_of(pairs)});
        }
    }

    /// A new block, told.
    void mine(char branch = 'a') {
        chain_.extend(branch);
        tell_head();
    }
    /// An announcement of manager 7 in a new block of which nothing is told yet.
    types::ChainPosition announce(const std::string& uri) {
        chain_.extend('a');
        announced_[chain_.head()] = uri;
        return {chain_.head(), 0};
    }
    void tell_announcement(types::ChainPosition at) {
        auto log = chain_.log(at.block);
        log.address = testing::manager_address(7);
        log.topics = {chain_evm::service_uri_updated_topic()};
        log.data = data_of(announced_.at(at.block));
        tell(chain_evm::LogSeen{log});
    }

    /// What fired since the last call.
    std::vector<std::uint64_t> heights() {
        std::vector<std::uint64_t> out;
        for (const auto& [height, event] : std::exchange(ticks_, {})) {
            out.push_back(height);
        }
        return out;
    }
    /// All that fired up to now did so under this revision.
    std::vector<std::uint64_t> heights_under(const types::RegisteredServicePtr& service) {
        for (const auto& [height, event] : ticks_) {
            EXPECT_EQ(event.service, service) << height;
        }
        return heights();
    }
    std::size_t log_requests() const { return node_.count("eth_getLogs"); }
    double dropped() {
        return metrics_.counter("wavs_block_interval_dropped_total", "", {{"chain", "evm:1"}})
            .value();
    }

private:
    static base::Bytes data_of(const std::string& uri) {
        return chain_evm::encode_arguments({chain_evm::AbiValue::string(uri)});
    }
    static std::uint64_t bound(const std::string& params, std::string_view name) {
        return std::stoull(params.substr(params.find("0x", params.find(name))), nullptr, 16);
    }
    std::string announcements_json(const std::string& params) const {
        std::string out;
        const auto to = bound(params, "toBlock");
        for (auto at = announced_.lower_bound(bound(params, "fromBlock"));
             at != announced_.end() && at->first <= to; ++at) {
            out += fmt::format(
                R"({}{{"address":"{}","topics":["{}"],"data":"0x{}","blockHash":"{}",)"
                R"("blockNumber":"{:#x}","transactionHash":"{}","transactionIndex":"0x0",)"
                R"("logIndex":"0x0","removed":false}})",
                out.empty() ? "" : ",", types::to_string(testing::manager_address(7)),
                types::to_string(chain_evm::service_uri_updated_topic()),
                base::hex(data_of(at->second)), types::to_string(chain_.hash(at->first)), at->first,
                types::to_string(types::Bytes32()));
        }
        return out;
    }

    std::map<std::uint64_t, std::string> announced_;
};

}  // namespace wavs::triggers
