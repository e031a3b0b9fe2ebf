// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/runtime.hpp"
#include "wavs/async/testing/run.hpp"
#include "wavs/cli/devnet.hpp"
#include "wavs/cli/embedded.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wavs::e2e {

/// Everything a scenario needs: a chain, a node, contracts, and steps that fail the test with the
/// whole error. One devnet per test, in processes of its own on free ports. WAVS_NODE names another
/// program of the node, WAVS_NODE_LOG its log level; with WAVS_KEEP=1 a test that failed leaves the
/// folders of its nodes, with their logs.
class Scenario : public ::testing::Test {
protected:
    Scenario();
    ~Scenario() override;

    struct Options {
        std::string node_config;
        std::vector<std::pair<std::string, std::string>> node_env;
        std::vector<std::string> anvil_args;
        bool peers = false;
        cli::QuorumRule quorum;
    };
    /// Chain, contracts and node 0; each step asserted.
    void start(Options options);
    void start() { start({}); }

    template <typename T>
    T run(async::Task<T> task) {
        return async::testing::run(context_, std::move(task));
    }
    /// The value of a step; throws, and so ends the test, when it failed.
    template <typename T>
    T must(async::Task<base::Result<T>> task) {
        auto result = run(std::move(task));
        if (!result.has_value()) {
            throw std::runtime_error(result.error().full_text() + node_log());
        }
        return std::move(result.value());
    }
    void must(async::Task<base::Result<void>> task) {
        auto result = run(std::move(task));
        if (!result.has_value()) {
            throw std::runtime_error(result.error().full_text() + node_log());
        }
    }
    std::string node_log() const;

    cli::NodeClient& client() { return devnet_->node().client(); }
    types::ComponentDigest upload(std::string_view component);
    /// A workflow that echoes events of the trigger contract to the handler.
    types::Workflow workflow(std::string_view component, const cli::Contracts& contracts);
    types::Workflow manual_workflow(std::string_view component);
    types::Service service(std::map<std::string, types::Workflow> workflows);
    static types::WorkflowId id(std::string_view text) {
        return types::WorkflowId::parse(text).value();
    }

    /// Publishes, registers, makes the operator known to the manager, waits for the subscription.
    void opt_in(const types::Service& service);
    /// Publishes a new manifest and waits until the node runs it.
    void update(const types::Service& service);
    /// Fires and returns what the handler of `contracts` holds for it.
    std::string fire_and_wait(const cli::Contracts& contracts, std::string_view input);
    /// Runs the default workflow by hand; empty when it went well, else the node's answer.
    std::string trigger_by_hand(const types::Service& service, std::string_view input,
                                std::string_view workflow = "default");
    /// A metric's value summed over its labels; 0 when it is not there.
    double metric(std::string_view name, unsigned node = 0);
    static constexpr base::Duration kPatience = std::chrono::seconds(60);
    /// Looks until `done`, with pauses, and fails the test when it takes too long.
    void wait_until(std::string what, const std::function<bool()>& done,
                    base::Duration patience = kPatience);
    std::size_t handled_count(const types::EvmAddress& handler);

    boost::asio::io_context context_;
    async::SystemTimers timers_;
    base::SystemClock clock_;
    base::SeededRandom random_{1};
    async::Runtime threads_{{.io_threads = 1, .blocking_threads = 1}};
    net::SystemResolver resolver_{threads_.blocking()};
    net::HttpClient http_{net::DialContext{timers_, clock_, resolver_, {}, {}}};
    cli::Tools tools_{context_.get_executor(), timers_, clock_, random_, http_};
    std::filesystem::path folder_;
    std::string node_program_;
    std::unique_ptr<cli::Devnet> devnet_;
    cli::Contracts contracts_;
    std::map<std::string, types::ComponentDigest, std::less<>> uploaded_;

private:
    async::Task<bool> stop();
};

}  // namespace wavs::e2e
