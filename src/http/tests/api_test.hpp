// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/testing/fake_timers.hpp"
#include "wavs/async/testing/run.hpp"
#include "wavs/http/api.hpp"
#include "wavs/http/testing/fake_node.hpp"
#include "wavs/types/manifest_json.hpp"

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

namespace wavs::http {

inline constexpr std::string_view kToken = "s3cret token";
inline constexpr std::string_view kManager =
    R"({"evm":{"chain":"evm:31337","address":"0x1111111111111111111111111111111111111111"}})";
inline constexpr std::string_view kManagerId =
    "f1872fc8f2fc194e1f55c47c6524231c445bebd0aadd4ebff81cfc5a567d7e68";
inline constexpr std::string_view kManifest =
    R"({"name":"demo","workflows":{"default":{"trigger":"manual","component":{"source":{"digest":)"
    R"("2222222222222222222222222222222222222222222222222222222222222222"},"permissions":)"
    R"({"allowed_http_hosts":"none","file_system":false,"raw_sockets":false,"dns_resolution":false},)"
    R"("fuel_limit":null,"time_limit_seconds":null,"config":{},"env_keys":[]},"submit":"none"}},)"
    R"("status":"active","manager":{"evm":{"chain":"evm:31337","address":)"
    R"("0x1111111111111111111111111111111111111111"}}})";
inline constexpr std::string_view kManifestHash =
    "6c1445c87fc76aae1efc49bb628f1c55ba5e8b467e288d1211319eb06d33fba5";

/// An interface without sockets on virtual time, before a `FakeNode` that knows evm:31337.
class ApiTest : public ::testing::Test {
protected:
    ApiTest() {
        types::NamedChainConfig chain;
        chain.chain_id = "31337";
        chain.config = types::EvmChainConfig{};
        node_.chains.emplace(types::ChainKey::parse("evm:31337").value(), chain);
    }
    ~ApiTest() override { close(); }

    static HttpOptions dev_options() {
        HttpOptions out;
        out.dev_endpoints = true;
        return out;
    }
    static HttpOptions token_options() {
        HttpOptions out = dev_options();
        out.bearer_token.emplace(BearerToken::make(kToken).value());
        return out;
    }

    void open(HttpOptions options) {
        close();
        const Environment environment{context_.get_executor(), timers_, clock_, metrics_};
        api_ = std::make_unique<Api>(std::move(options), node_, environment);
    }
    void close() {
        if (api_) {
            stopped_ = async::testing::run(context_, api_->stop(std::chrono::seconds(1)));
            api_.reset();
        }
    }

    static net::Request request(std::string_view method, std::string_view target,
                                net::Headers headers = {}, std::string_view body = {}) {
        net::Request out;
        out.head.method = std::string(method);
        out.head.target = std::string(target);
        out.head.headers = std::move(headers);
        out.head.peer = "127.0.0.1";
        out.head.peer_is_loopback = true;
        out.body = std::string(body);
        return out;
    }
    net::Response send(net::Request request) {
        if (!api_) {
            open(dev_options());
        }
        return async::testing::run(context_, api_->on_request(std::move(request)));
    }
    net::Response get(std::string_view target, net::Headers headers = {}) {
        return send(request("GET", target, std::move(headers)));
    }
    /// With the JSON content type.
    net::Response post(std::string_view target, std::string_view body,
                       std::string_view method = "POST") {
        return send(request(method, target, {{"Content-Type", "application/json"}}, body));
    }
    static std::string header(const net::Response& response, std::string_view name) {
        return std::string(response.headers.find(name).value_or(""));
    }
    static std::string manager_body() {
        return std::string(R"({"service_manager":)") + std::string(kManager) + "}";
    }

    /// Starts a request that is not expected to end at once; its response lands in `out`.
    void start(net::Request request, std::optional<net::Response>& out) {
        boost::asio::co_spawn(context_, api_->on_request(std::move(request)),
                              [&out](const std::exception_ptr& error, net::Response response) {
                                  EXPECT_EQ(error, nullptr);
                                  out = std::move(response);
                              });
        settle();
    }
    void settle() {
        context_.restart();
        context_.poll();
    }

    boost::asio::io_context context_;
    base::testing::FakeClock clock_;
    async::testing::FakeTimers timers_{clock_};
    telemetry::Metrics metrics_;
    testing::FakeNode node_;
    std::unique_ptr<Api> api_;
    std::vector<std::string> stopped_;
};

}  // namespace wavs::http
