// SPDX-License-Identifier: Apache-2.0
#include "api_test.hpp"

#include <stdexcept>

namespace wavs::http {
namespace {

using std::chrono::seconds;

class FlowTest : public ApiTest {
protected:
    FlowTest() { open(dev_options()); }
    testing::Gate& gate(const std::string& method) {
        return node_.gates.emplace(method, context_.get_executor()).first->second;
    }
};

TEST_F(FlowTest, health_runs_once_for_all_and_is_kept_a_moment) {
    auto& open_gate = gate("health");
    std::vector<std::optional<net::Response>> responses(5);
    for (auto& response : responses) {
        start(request("GET", "/health"), response);
    }
    EXPECT_EQ(node_.calls["health"], 1);
    open_gate.set(true);
    settle();
    for (const auto& response : responses) {
        ASSERT_TRUE(response.has_value());
        EXPECT_EQ(response->status, 200U);
    }
    node_.gates.clear();
    clock_.advance(std::chrono::milliseconds(1999));
    EXPECT_EQ(get("/health").status, 200U);
    EXPECT_EQ(node_.calls["health"], 1);
    clock_.advance(std::chrono::milliseconds(1));
    EXPECT_EQ(get("/health").status, 200U);
    EXPECT_EQ(node_.calls["health"], 2);
}

TEST_F(FlowTest, a_failed_health_check_is_not_kept) {
    node_.failures.emplace("health", base::Error(base::ErrorKind::Bug, "x", "no"));
    EXPECT_EQ(get("/health").status, 500U);
    node_.failures.clear();
    EXPECT_EQ(get("/health").status, 200U);
    EXPECT_EQ(node_.calls["health"], 2);
}

TEST_F(FlowTest, a_slow_read_ends_with_504) {
    gate("info");
    std::optional<net::Response> response;
    start(request("GET", "/info"), response);
    timers_.advance(seconds(59));
    settle();
    EXPECT_FALSE(response.has_value());
    timers_.advance(seconds(1));
    settle();
    ASSERT_TRUE(response.has_value());
    EXPECT_EQ(response->status, 504U);
}

TEST_F(FlowTest, what_waits_has_no_limit_of_ours) {
    auto& open_gate = gate("add_service");
    std::optional<net::Response> response;
    start(request("POST", "/services", {{"Content-Type", "application/json"}}, manager_body()),
          response);
    timers_.advance(seconds(600));
    settle();
    EXPECT_FALSE(response.has_value());
    open_gate.set(true);
    settle();
    ASSERT_TRUE(response.has_value());
    EXPECT_EQ(response->status, 204U);
}

TEST_F(FlowTest, a_client_that_leaves_does_not_cancel_its_change) {
    auto& open_gate = gate("add_service");
    {
        async::TaskGroup client(context_.get_executor(), "client");
        const auto ask = [](Api& api, net::Request call) -> async::Task<void> {
            co_await api.on_request(std::move(call));
        };
        client.spawn("request",
                     ask(*api_, request("POST", "/services", {{"Content-Type", "application/json"}},
                                        manager_body())));
        settle();
        EXPECT_EQ(node_.calls["add_service"], 1);
        async::testing::run(context_, client.stop(timers_, seconds(1)));
    }
    EXPECT_TRUE(node_.added.empty());
    open_gate.set(true);
    settle();
    EXPECT_EQ(node_.added.size(), 1U);
}

TEST_F(FlowTest, a_change_above_its_time_goes_on) {
    auto& open_gate = gate("remove_services");
    std::optional<net::Response> response;
    start(request("DELETE", "/services", {{"Content-Type", "application/json"}},
                  R"({"service_managers":[)" + std::string(kManager) + "]}"),
          response);
    timers_.advance(seconds(60));
    settle();
    ASSERT_TRUE(response.has_value());
    EXPECT_EQ(response->status, 504U);
    open_gate.set(true);
    settle();
    EXPECT_EQ(node_.removed.size(), 1U);
}

TEST_F(FlowTest, uploads_take_turns) {
    auto options = dev_options();
    options.max_waiting_uploads = 2;
    open(std::move(options));
    auto& open_gate = gate("upload_component");
    std::vector<std::optional<net::Response>> responses(5);
    for (auto& response : responses) {
        start(request("POST", "/dev/components", {}, "x"), response);
    }
    EXPECT_EQ(node_.running_uploads, 2);
    ASSERT_TRUE(responses[4].has_value());
    EXPECT_EQ(responses[4]->status, 429U);
    for (int i = 0; i < 4; ++i) {
        open_gate.set(true);
        settle();
    }
    for (int i = 0; i < 4; ++i) {
        ASSERT_TRUE(responses.at(static_cast<std::size_t>(i)).has_value()) << i;
        EXPECT_EQ(responses.at(static_cast<std::size_t>(i))->status, 200U);
    }
    EXPECT_EQ(node_.most_running_uploads, 2);
}

TEST_F(FlowTest, an_exception_is_a_500) {
    node_.on_info = [] { throw std::runtime_error("boom"); };
    const auto response = get("/info");
    EXPECT_EQ(response.status, 500U);
    EXPECT_EQ(response.body, "internal error: boom");
    EXPECT_EQ(get("/livez").status, 200U);
}

TEST_F(FlowTest, stop_cancels_changes_and_answers_503) {
    gate("add_service");
    std::optional<net::Response> response;
    start(request("POST", "/services", {{"Content-Type", "application/json"}}, manager_body()),
          response);
    const auto left = async::testing::run(context_, api_->stop(seconds(1)));
    settle();
    EXPECT_TRUE(left.empty());
    ASSERT_TRUE(response.has_value());
    EXPECT_EQ(response->status, 503U);
    EXPECT_EQ(post("/services", manager_body()).status, 503U);
    EXPECT_TRUE(node_.added.empty());
}

}  // namespace
}  // namespace wavs::http
