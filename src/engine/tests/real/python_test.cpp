// SPDX-License-Identifier: Apache-2.0
// A component of some 18 MB with dozens of core modules, made by scripts/python_component.sh: it
// exceeds a slot of the pool and so runs on the engine that allocates on demand.
#include "real_node.hpp"
#include "wavs/async/task_group.hpp"

#include <gmock/gmock.h>
#include <boost/asio/this_coro.hpp>

#include <cstdlib>

namespace wavs::engine {
namespace {

class PythonTest : public RealEngineTest {
protected:
    void SetUp() override {
        const char* const path = std::getenv("WAVS_PYTHON_COMPONENT");
        ASSERT_NE(path, nullptr) << "run this through scripts/python_component.sh";
        std::ifstream file(path, std::ios::binary);
        const base::Bytes bytes(std::istreambuf_iterator<char>(file), {});
        ASSERT_FALSE(bytes.empty()) << path;
        component_ = component_of_digest(node().blobs().put(bytes).value());
        const auto digest = types::digest_of(component_.source);
        const auto prepared = node().wait(node().engine().prepare(digest, World::Operator));
        ASSERT_TRUE(prepared.has_value()) << prepared.error().full_text();
    }
};

// One test, for it takes most of a minute to compile the component.
TEST_F(PythonTest, runs_on_demand_beside_components_of_the_pool) {
    EXPECT_EQ(text("hello from python"), "hello from python");
    EXPECT_EQ(node().engine().status().library.on_demand, 1U);
    const auto python = service();
    // An exception of Python is the error of the run.
    auto job = operator_job(python);
    auto action = *job.action;
    action.data = types::CronData{};
    job.action = std::make_shared<const types::TriggerAction>(std::move(action));
    const auto outcome = node().wait(async::as_task(node().engine().run_operator(std::move(job))));
    ASSERT_FALSE(outcome.has_value());
    EXPECT_EQ(outcome.error().code(), base::ErrorCode("exec_result"));
    EXPECT_EQ(outcome.error().message(), "only raw trigger data is echoed");
    WAVS_USE("echo");
    const auto pooled = service();
    EXPECT_EQ(text("hello"), "hello");
    using boost::asio::experimental::awaitable_operators::operator&&;
    const auto both = [&](Engine& engine) -> async::Task<std::vector<std::string>> {
        auto [slow, quick] =
            co_await (async::as_task(engine.run_operator(operator_job(python, "slow"))) &&
                      async::as_task(engine.run_operator(operator_job(pooled, "quick"))));
        co_return std::vector{std::string(base::as_text(slow.value().responses.at(0).payload)),
                              std::string(base::as_text(quick.value().responses.at(0).payload))};
    };
    EXPECT_THAT(node().wait(both(node().engine())), ::testing::ElementsAre("slow", "quick"));
    EXPECT_EQ(node().engine().status().library.on_demand, 1U);
    EXPECT_EQ(node().engine().status().library.cached, 2U);
}

}  // namespace
}  // namespace wavs::engine
