// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/task_group.hpp"
#include "wavs/async/testing/fake_timers.hpp"
#include "wavs/base/hex.hpp"
#include "wavs/chain_evm/rpc_client.hpp"
#include "wavs/chain_evm/testing/scripted_rpc.hpp"
#include "wavs/crypto/secret_key.hpp"

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>

#include <fstream>
#include <functional>
#include <optional>
#include <sstream>
#include <stdexcept>

namespace wavs::chain_evm::testing {

/// Accounts 0 to 2 of the phrase that local chains start with.
inline constexpr std::array<std::string_view, 3> kKeys{
    "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a"};
inline std::shared_ptr<const crypto::SecretKey> key(std::size_t index) {
    return std::make_shared<const crypto::SecretKey>(
        crypto::SecretKey::from_hex(kKeys[index]).value());
}
inline types::EvmAddress address(std::string_view text) {
    return types::parse_evm_address(text).value();
}
inline types::Bytes32 word(std::string_view text) { return types::parse_bytes32(text).value(); }
inline base::Bytes bytes(std::string_view hex) { return base::parse_hex(hex).value(); }

inline std::string read_file(const std::string& path) {
    std::ifstream file(path);
    std::stringstream out;
    out << file.rdbuf();
    return out.str();
}

/// One thread; `Timers` and `Clock` of the test's choice.
class LoopTest : public ::testing::Test {
protected:
    class NumericResolver final : public net::Resolver {
    public:
        async::Task<base::Result<std::vector<std::string>>> resolve(std::string) override {
            co_return std::vector<std::string>{"127.0.0.1"};
        }
    };
    template <typename T>
    static async::Task<void> store(async::Task<T> task, std::optional<T>& out) {
        out.emplace(co_await std::move(task));
    }
    template <typename T>
    T run(async::Task<T> task) {
        std::optional<T> out;
        async::TaskGroup group(context_.get_executor(), "run");
        group.spawn("run", store(std::move(task), out));
        run_until([&out] { return out.has_value(); });
        return std::move(*out);
    }
    // Until `done` holds; the waiting is for real sockets, not for time to pass.
    void run_until(const std::function<bool()>& done, int most = 60'000) {
        context_.restart();
        for (int i = 0; i < most && !done(); ++i) {
            if (context_.poll() == 0) {
                context_.run_one_for(std::chrono::milliseconds(1));
            }
            context_.restart();
        }
        if (!done()) {
            throw std::runtime_error("what the test waits for did not happen");
        }
    }
    boost::asio::io_context context_;
    NumericResolver resolver_;
    base::SeededRandom random_{7};
};

/// With a scripted node and virtual time.
class ScriptedTest : public LoopTest {
protected:
    void SetUp() override {
        auto made = net::HttpServer::listen(context_.get_executor(), timers_, node_, {});
        ASSERT_TRUE(made.has_value());
        server_ = std::move(made.value());
    }
    net::DialContext dial() { return {timers_, clock_, resolver_, {}, {}}; }
    RpcClient client() { return RpcClient(make_http_transport(http_, server_->url())); }
    // Retries and polls happen too: time goes on, but only when nothing is left to do now.
    void run_with_time(const std::function<bool()>& done,
                       base::Duration step = std::chrono::milliseconds(60)) {
        int quiet = 0;
        for (int i = 0; i < 30'000 && !done(); ++i) {
            context_.restart();
            quiet = context_.run_one_for(std::chrono::milliseconds(1)) == 0 ? quiet + 1 : 0;
            if (quiet == 4) {
                timers_.advance(step);
                quiet = 0;
            }
        }
        ASSERT_TRUE(done());
    }

    base::testing::FakeClock clock_;
    async::testing::FakeTimers timers_{clock_};
    ScriptedRpc node_;
    std::unique_ptr<net::HttpServer> server_;
    net::HttpClient http_{net::DialContext{timers_, clock_, resolver_, {}, {}}};
};

}  // namespace wavs::chain_evm::testing
