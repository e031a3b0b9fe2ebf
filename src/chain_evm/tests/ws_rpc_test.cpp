// SPDX-License-Identifier: Apache-2.0
#include "ws_rpc.hpp"

#include "evm_fixture.hpp"
#include "fake_ws_node.hpp"

namespace wavs::chain_evm {
namespace {

using std::chrono::seconds;
using testing::FakeWsNode;
using testing::ScriptedTest;

class WsRpcTest : public ScriptedTest {
protected:
    using Reply = std::optional<base::Result<RpcReply>>;

    void SetUp() override {
        ScriptedTest::SetUp();
        node_ws_.script = [](const FakeWsNode::Request&) { return std::vector<std::string>(); };
        net::WsRequest request;
        request.url = node_ws_.url();
        auto made = run(WsRpc::connect(dial(), std::move(request)));
        ASSERT_TRUE(made.has_value());
        link_ = std::move(made.value());
        link_->start();
    }
    void call(const std::string& method, const std::string& params, Reply& reply) {
        group_.spawn(method, store(link_->call(method, params, seconds(10)), reply));
    }
    void answer(std::size_t request, std::string_view result) {
        node_ws_.say(FakeWsNode::reply(node_ws_.requests.at(request), result));
    }
    static std::string text(const Reply& reply) {
        return result_of("call", reply.value().value()).value();
    }

    FakeWsNode node_ws_{context_};
    std::shared_ptr<WsRpc> link_;
    async::TaskGroup group_{context_.get_executor(), "test"};
};

TEST_F(WsRpcTest, answers_in_any_order_reach_the_calls_they_belong_to) {
    Reply heads;
    Reply logs;
    Reply price;
    call("eth_subscribe", R"(["newHeads"])", heads);
    call("eth_subscribe", R"(["logs",{}])", logs);
    call("eth_gasPrice", "[]", price);
    run_until([this] { return node_ws_.requests.size() == 3; });
    ASSERT_EQ(node_ws_.requests[0].params, R"(["newHeads"])");
    ASSERT_EQ(node_ws_.requests[1].params, R"(["logs",{}])");
    EXPECT_EQ(link_->in_flight(), 3U);
    answer(2, "\"0xc\"");
    run_until([&] { return price.has_value(); });
    EXPECT_FALSE(heads.has_value() || logs.has_value());
    answer(1, "\"0xb\"");
    run_until([&] { return logs.has_value(); });
    EXPECT_FALSE(heads.has_value());
    answer(0, "\"0xa\"");
    run_until([&] { return heads.has_value(); });
    EXPECT_EQ(text(heads), "\"0xa\"");
    EXPECT_EQ(text(logs), "\"0xb\"");
    EXPECT_EQ(text(price), "\"0xc\"");
    EXPECT_EQ(link_->in_flight(), 0U);
}

}  // namespace
}  // namespace wavs::chain_evm
