// SPDX-License-Identifier: Apache-2.0
#include "wavs/cli/devnet.hpp"
#include "wavs/async/runtime.hpp"
#include "wavs/async/testing/run.hpp"
#include "wavs/chain_evm/service_manager.hpp"
#include "wavs/cli/programs.hpp"

#include <gmock/gmock.h>

#include <unistd.h>
#include <csignal>

namespace wavs::cli {
namespace {

// A `Result` cannot be made without a value, which the runner needs.
template <typename T>
async::Task<std::optional<T>> hold(async::Task<T> task) {
    co_return std::optional<T>(co_await std::move(task));
}

/// A devnet without a node, on a real chain.
class ChainTest : public ::testing::Test {
protected:
    ChainTest() {
        folder_ = std::filesystem::temp_directory_path() /
                  fmt::format("wavs-devnet-{}-{}", ::getpid(), counter_++);
        std::filesystem::create_directories(folder_);
        DevnetOptions options;
        options.folder = folder_;
        options.anvil_program = find_anvil({WAVS_SOURCE_DIR, WAVS_SOURCE_DIR, ""}, {}).value();
        devnet_ = std::make_unique<Devnet>(std::move(options), tools_);
    }
    ~ChainTest() override {
        run(stop());
        devnet_.reset();
        threads_.stop();
        std::filesystem::remove_all(folder_);
    }
    async::Task<bool> stop() {
        co_await devnet_->stop();
        co_return true;
    }
    template <typename T>
    T run(async::Task<T> task) {
        return *async::testing::run(context_, hold(std::move(task)));
    }

    static inline int counter_ = 0;
    boost::asio::io_context context_;
    async::SystemTimers timers_;
    base::SystemClock clock_;
    base::SeededRandom random_{1};
    async::Runtime threads_{{.io_threads = 1, .blocking_threads = 1}};
    net::SystemResolver resolver_{threads_.blocking()};
    net::HttpClient http_{net::DialContext{timers_, clock_, resolver_, {}, {}}};
    Tools tools_{context_.get_executor(), timers_, clock_, random_, http_};
    std::filesystem::path folder_;
    std::unique_ptr<Devnet> devnet_;
};

TEST_F(ChainTest, contracts_are_deployed_and_an_operator_gets_weight) {
    ASSERT_TRUE(run(devnet_->start_chain()).has_value());
    const auto contracts = run(devnet_->deploy_contracts());
    ASSERT_TRUE(contracts.has_value()) << contracts.error().full_text();
    const auto manager = contracts.value().manager;
    chain_evm::ServiceManagerClient client(devnet_->anvil().rpc());
    EXPECT_EQ(run(client.get_service_manager(contracts.value().handler)).value(), manager);

    const auto registered = run(devnet_->register_operator_key(manager, 10'000, 0, 1));
    ASSERT_TRUE(registered.has_value()) << registered.error().full_text();
    const auto who = devnet_->operator_address(0).value();
    EXPECT_EQ(chain_evm::to_u64(run(client.operator_weight(manager, who)).value()), 10'000U);
    const auto keys = crypto::Keyring::from_mnemonic(node_mnemonic(0).value()).value();
    EXPECT_EQ(run(client.operator_for_signing_key(manager, keys.at(1).value()->address())).value(),
              who);
    // The key of another operator is refused by the contract, and the refusal arrives here.
    EXPECT_FALSE(run(devnet_->register_operator_key(manager, 1, 0, 2)).has_value());
}

TEST_F(ChainTest, events_are_fired_in_every_mining_mode) {
    ASSERT_TRUE(run(devnet_->start_chain()).has_value());
    const auto contracts = run(devnet_->deploy_contracts()).value();
    const auto first = run(devnet_->fire(contracts.trigger, {1}));
    ASSERT_TRUE(first.has_value()) << first.error().full_text();
    EXPECT_EQ(first.value().trigger_id, 1U);

    ASSERT_TRUE(run(devnet_->anvil().mine_manually()).has_value());
    const auto hash = run(devnet_->send_trigger(contracts.trigger, {2}));
    ASSERT_TRUE(hash.has_value()) << hash.error().full_text();
    EXPECT_FALSE(run(devnet_->anvil().rpc().receipt(hash.value())).value().has_value());
    ASSERT_TRUE(run(devnet_->anvil().mine(2)).has_value());
    EXPECT_EQ(run(devnet_->fired(hash.value())).value().trigger_id, 2U);

    ASSERT_TRUE(run(devnet_->anvil().mine_every(std::chrono::seconds(1))).has_value());
    EXPECT_EQ(run(devnet_->fire(contracts.trigger, {3})).value().trigger_id, 3U);
    EXPECT_TRUE(run(devnet_->handled(contracts.handler)).value().empty());
    EXPECT_FALSE(run(devnet_->read_result(contracts.handler, 3)).has_value());
}

TEST_F(ChainTest, the_chain_ends_with_the_devnet) {
    ASSERT_TRUE(run(devnet_->start_chain()).has_value());
    const int pid = devnet_->anvil().pid();
    EXPECT_EQ(devnet_->ended_process(), "");
    EXPECT_EQ(::kill(pid, 0), 0);
    run(stop());
    EXPECT_NE(::kill(pid, 0), 0);
    EXPECT_EQ(devnet_->ended_process(), "anvil");
}

TEST_F(ChainTest, a_program_that_is_no_chain_is_reported_with_its_last_words) {
    const auto started =
        run(Anvil::start(tools_, {.program = "/bin/ls", .log_file = folder_ / "x.log"}));
    ASSERT_FALSE(started.has_value());
    EXPECT_EQ(started.error().code(), base::ErrorCode("anvil_failed"));
    EXPECT_THAT(started.error().message(), ::testing::HasSubstr("--host"));
}

TEST_F(ChainTest, a_program_that_is_no_node_is_reported_with_its_last_words) {
    NodeProcessOptions options;
    options.program = "/bin/ls";
    options.setup.folder = folder_;
    const auto started = run(NodeProcess::start(tools_, std::move(options)));
    ASSERT_FALSE(started.has_value());
    EXPECT_EQ(started.error().code(), base::ErrorCode("node_failed"));
    EXPECT_THAT(started.error().message(), ::testing::HasSubstr("--home"));
}

}  // namespace
}  // namespace wavs::cli
