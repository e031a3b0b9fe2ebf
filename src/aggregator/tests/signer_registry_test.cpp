// SPDX-License-Identifier: Apache-2.0
#include "wavs/aggregator/signer_registry.hpp"

#include "wavs/async/task_group.hpp"
#include "wavs/async/testing/fake_timers.hpp"

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>

#include <set>

namespace wavs::aggregator {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using types::SignerCounts;

types::EvmAddress address(std::uint8_t last) {
    types::EvmAddress out;
    out.array()[19] = last;
    return out;
}

class SignerRegistryTest : public ::testing::Test {
protected:
    using Answer = base::Result<SignerCounts>;

    SignerRegistryTest() { make({}); }
    void make(SignerRegistry::Options options) {
        registry_ = std::make_unique<SignerRegistry>(
            [this](types::ServiceManager manager, types::EvmAddress signer) {
                return look_up(std::move(manager), signer);
            },
            clock_, options);
    }
    static types::RegisteredService service(const char* chain, std::uint8_t manager) {
        types::RegisteredService out;
        out.service.manager =
            types::EvmManager{types::ChainKey::parse(chain).value(), address(manager)};
        return out;
    }
    async::Task<Answer> look_up(types::ServiceManager manager, types::EvmAddress signer) {
        asked_.push_back(types::chain_of(manager).str() + " " + types::address_text(manager) + " " +
                         types::to_string(signer));
        const auto answer = says_;
        if (takes_ > milliseconds(0)) {
            WAVS_CO_TRY(co_await timers_.sleep_for(takes_));
        }
        co_return answer;
    }
    static async::Task<void> ask_into(SignerRegistryTest& test, types::RegisteredService service,
                                      types::EvmAddress signer) {
        test.got_.push_back(co_await test.registry_->counts(service, signer));
    }
    void start(const types::RegisteredService& service, std::uint8_t signer = 1) {
        group_.spawn("ask", ask_into(*this, service, address(signer)));
        settle();
    }
    Answer ask(std::uint8_t signer = 1) {
        start(one_, signer);
        return got_.back();
    }
    void settle() {
        context_.restart();
        context_.poll();
    }
    void pass(base::Duration time) {
        timers_.advance(time);
        settle();
    }

    boost::asio::io_context context_;
    base::testing::FakeClock clock_;
    async::testing::FakeTimers timers_{clock_};
    types::RegisteredService one_ = service("evm:1", 7);
    base::Duration takes_ = milliseconds(0);
    Answer says_ = SignerCounts::Yes;
    std::vector<std::string> asked_;
    std::vector<Answer> got_;
    std::unique_ptr<SignerRegistry> registry_;
    async::TaskGroup group_{context_.get_executor(), "test"};
};

TEST_F(SignerRegistryTest, yes_holds_for_a_minute) {
    EXPECT_EQ(ask().value(), SignerCounts::Yes);
    says_ = SignerCounts::No;
    pass(milliseconds(59'999));
    EXPECT_EQ(ask().value(), SignerCounts::Yes);
    pass(milliseconds(1));
    EXPECT_EQ(ask().value(), SignerCounts::No);
    EXPECT_EQ(asked_.size(), 2U);
}

TEST_F(SignerRegistryTest, no_holds_for_five_seconds) {
    says_ = SignerCounts::No;
    EXPECT_EQ(ask().value(), SignerCounts::No);
    says_ = SignerCounts::Yes;
    pass(milliseconds(4'999));
    EXPECT_EQ(ask().value(), SignerCounts::No);
    pass(milliseconds(1));
    EXPECT_EQ(ask().value(), SignerCounts::Yes);
}

TEST_F(SignerRegistryTest, a_manager_without_keys_is_asked_once_a_minute) {
    says_ = SignerCounts::Unknown;
    EXPECT_EQ(ask().value(), SignerCounts::Unknown);
    pass(seconds(59));
    EXPECT_EQ(ask().value(), SignerCounts::Unknown);
    EXPECT_EQ(asked_.size(), 1U);
    pass(seconds(1));
    EXPECT_TRUE(ask().has_value());
    EXPECT_EQ(asked_.size(), 2U);
}

TEST_F(SignerRegistryTest, who_asks_at_the_same_moment_shares_one_call) {
    takes_ = seconds(1);
    for (int i = 0; i < 5; ++i) {
        start(one_);
    }
    EXPECT_TRUE(got_.empty());
    pass(seconds(1));
    EXPECT_EQ(got_.size(), 5U);
    EXPECT_EQ(asked_.size(), 1U);
}

TEST_F(SignerRegistryTest, each_key_of_each_manager_on_each_chain_is_its_own_question) {
    start(one_, 1);
    start(one_, 2);
    start(service("evm:1", 8), 1);
    start(service("evm:2", 7), 1);
    EXPECT_EQ(asked_.size(), 4U);
    EXPECT_EQ(std::set<std::string>(asked_.begin(), asked_.end()).size(), 4U);
}

TEST_F(SignerRegistryTest, a_failure_is_told_and_not_kept) {
    says_ = base::Error(base::ErrorKind::Unavailable, "gone", "gone");
    EXPECT_EQ(ask().error().code(), base::ErrorCode("gone"));
    says_ = SignerCounts::Yes;
    EXPECT_EQ(ask().value(), SignerCounts::Yes);
}

TEST_F(SignerRegistryTest, what_is_forgotten_is_asked_anew_even_when_it_was_being_asked) {
    EXPECT_TRUE(ask().has_value());
    registry_->forget(one_.service.manager, address(2));
    EXPECT_TRUE(ask().has_value());
    EXPECT_EQ(asked_.size(), 1U);
    registry_->forget(one_.service.manager, address(1));
    takes_ = seconds(1);
    start(one_);
    EXPECT_EQ(asked_.size(), 2U);
    registry_->forget(one_.service.manager, address(1));
    says_ = SignerCounts::No;
    start(one_);
    EXPECT_EQ(asked_.size(), 3U);
    pass(seconds(1));
    EXPECT_EQ(got_.size(), 4U);
    EXPECT_EQ(ask().value(), SignerCounts::No);
    EXPECT_EQ(asked_.size(), 3U);
}

TEST_F(SignerRegistryTest, the_least_recently_wanted_go_when_there_are_too_many) {
    SignerRegistry::Options options;
    options.most_entries = 2;
    make(options);
    EXPECT_TRUE(ask(1).has_value());
    EXPECT_TRUE(ask(2).has_value());
    EXPECT_TRUE(ask(1).has_value());
    EXPECT_TRUE(ask(3).has_value());
    EXPECT_EQ(asked_.size(), 3U);
    EXPECT_TRUE(ask(1).has_value());
    EXPECT_EQ(asked_.size(), 3U);
    EXPECT_TRUE(ask(2).has_value());
    EXPECT_EQ(asked_.size(), 4U);
}

}  // namespace
}  // namespace wavs::aggregator
