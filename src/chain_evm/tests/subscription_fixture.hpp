// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "evm_fixture.hpp"
#include "fake_ws_node.hpp"

#include "wavs/chain_evm/subscription.hpp"

#include <algorithm>

namespace wavs::chain_evm::testing {

inline const std::string kTopicA(64, 'a');
inline const std::string kTopicB(64, 'b');
inline constexpr std::string_view kAddress = "0x1111111111111111111111111111111111111111";

inline std::string log_json(unsigned index, const std::string& topic = kTopicA,
                            bool removed = false) {
    return fmt::format(
        R"({{"address":"{}","topics":["0x{}"],"data":"0x","blockHash":"0x{:064x}",)"
        R"("blockNumber":"0x5","transactionHash":"0x{:064x}","transactionIndex":"0x0",)"
        R"("logIndex":"{}","removed":{}}})",
        kAddress, topic, 5, 6, quantity(std::uint64_t{index}), removed);
}

inline std::string head_json(unsigned number) {
    return fmt::format(R"({{"number":"{}"}})", quantity(std::uint64_t{number}));
}

/// One subscriber between scripted WebSocket nodes and a channel that collects what it says.
class SubscriptionTest : public ScriptedTest {
protected:
    void SetUp() override {
        ScriptedTest::SetUp();
        options_.name = "evm:31337";
        options_.chain_id = 31337;
        options_.ws_endpoints = {ws_.url()};
    }
    void TearDown() override {
        if (subscriber_) {
            auto left = run(group_.stop(timers_, std::chrono::seconds(1)));
            EXPECT_TRUE(left.empty());
        }
    }
    static async::Task<void> keep_running(WsSubscriber& subscriber,
                                          std::optional<base::Error>& error) {
        auto done = co_await subscriber.run();
        if (!done.has_value()) {
            error = done.error();
        }
    }
    static async::Task<void> collect(ChainEvents& channel, std::vector<ChainEvent>& out) {
        while (true) {
            auto event = co_await channel.receive();
            if (!event.has_value()) {
                co_return;
            }
            out.push_back(std::move(event.value()));
        }
    }
    void start() {
        subscriber_ = std::make_unique<WsSubscriber>(options_, context_.get_executor(), dial(),
                                                     random_, window_, events_);
        group_.spawn("subscriber", keep_running(*subscriber_, error_));
        group_.spawn("collect", collect(events_, seen_));
    }
    LogFilter filter(const std::string& topic = kTopicA) {
        LogFilter out;
        out.addresses = {address(kAddress)};
        out.topics = {word(topic)};
        return out;
    }
    template <typename T>
    std::size_t count() const {
        return static_cast<std::size_t>(
            std::count_if(seen_.begin(), seen_.end(),
                          [](const auto& e) { return std::holds_alternative<T>(e); }));
    }
    void settle() {
        for (int i = 0; i < 30; ++i) {
            context_.restart();
            context_.run_one_for(std::chrono::milliseconds(1));
        }
    }

    /// The numbers of the heads, and the places of the logs, in the order they were told.
    std::vector<std::uint64_t> heads() const {
        std::vector<std::uint64_t> out;
        for (const auto& event : seen_) {
            if (const auto* head = std::get_if<HeadSeen>(&event)) {
                out.push_back(head->header.number);
            }
        }
        return out;
    }
    std::vector<std::uint64_t> logs() const {
        std::vector<std::uint64_t> out;
        for (const auto& event : seen_) {
            if (const auto* seen = std::get_if<LogSeen>(&event)) {
                out.push_back(seen->log.log_index.value());
            }
        }
        return out;
    }

    FakeWsNode ws_{context_};
    FakeWsNode other_{context_};
    FakeWsNode third_{context_};
    SubscriberOptions options_;
    std::shared_ptr<LogWindow> window_ = std::make_shared<LogWindow>(100);
    ChainEvents events_{context_.get_executor(), "events", 16};
    std::unique_ptr<WsSubscriber> subscriber_;
    std::vector<ChainEvent> seen_;
    std::optional<base::Error> error_;
    async::TaskGroup group_{context_.get_executor(), "test"};
};

}  // namespace wavs::chain_evm::testing
