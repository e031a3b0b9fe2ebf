// SPDX-License-Identifier: Apache-2.0
#include "rpc_json.hpp"
#include "wavs/async/mutex.hpp"
#include "wavs/net/ws_client.hpp"
#include "ws_rpc.hpp"

#include <atomic>

namespace wavs::chain_evm {
namespace {

base::Error invalid_response(std::string_view where, std::string_view method,
                             std::string_view why) {
    return {base::ErrorKind::Unavailable, kInvalidResponse,
            fmt::format("{}: {}: invalid JSON-RPC response: {}", where, method, why)};
}

std::string redacted(const std::string& url) {
    auto parsed = net::Url::parse(url);
    return parsed.has_value() ? parsed.value().redacted() : "invalid endpoint";
}

class HttpTransport final : public RpcTransport {
public:
    HttpTransport(net::HttpClient& http, std::string url, RpcOptions options)
        : http_(http), url_(std::move(url)), endpoint_(redacted(url_)), options_(options) {}

    std::string endpoint() const override { return endpoint_; }

    async::Task<base::Result<RpcReply>> call(std::string method, std::string params) override {
        const auto id = next_id_.fetch_add(1, std::memory_order_relaxed);
        net::ClientRequest request;
        request.method = "POST";
        request.url = url_;
        request.headers.add("content-type", "application/json");
        request.body = request_text(id, method, params);
        request.connect_timeout = options_.connect_timeout;
        request.total_timeout = options_.call_timeout;
        request.max_response_bytes = options_.max_response_bytes;
        // Every method we use may be sent twice: a transaction has one hash.
        request.idempotent = true;
        WAVS_CO_TRY(auto response, co_await http_.send(std::move(request)));
        auto document = json::Document::parse(std::string_view(response.body));
        auto reply = document.has_value() ? read_reply(document.value().root(), id)
                                          : base::Result<RpcReply>(document.error());
        if (reply.has_value()) {
            co_return reply;
        }
        if (response.status != 200) {
            const auto kind =
                response.status == 429 ? base::ErrorKind::Overloaded : base::ErrorKind::Unavailable;
            co_return base::Error(kind, "rpc_http_status",
                                  fmt::format("{}: {}: HTTP status {} {}", endpoint_, method,
                                              response.status, net::status_name(response.status)));
        }
        co_return invalid_response(endpoint_, method, reply.error().message());
    }

private:
    net::HttpClient& http_;
    const std::string url_;
    const std::string endpoint_;
    const RpcOptions options_;
    std::atomic<std::uint64_t> next_id_{1};
};

class WsTransport final : public RpcTransport {
public:
    WsTransport(net::DialContext dial, std::string url, RpcOptions options)
        : dial_(std::move(dial)),
          url_(std::move(url)),
          endpoint_(redacted(url_)),
          options_(options) {}

    std::string endpoint() const override { return endpoint_; }

    async::Task<base::Result<RpcReply>> call(std::string method, std::string params) override {
        WAVS_CO_TRY(auto link, co_await linked());
        co_return co_await link->call(std::move(method), std::move(params), options_.call_timeout);
    }

private:
    async::Task<base::Result<std::shared_ptr<WsRpc>>> linked() {
        if (!lock_) {
            lock_.emplace(co_await boost::asio::this_coro::executor);
        }
        WAVS_CO_TRY(auto guard, co_await lock_->lock());
        if (link_ == nullptr || link_->closed()) {
            net::WsRequest request;
            request.url = url_;
            request.connect_timeout = options_.connect_timeout;
            request.max_message_bytes = options_.max_response_bytes;
            WAVS_CO_TRY(link_, co_await WsRpc::connect(dial_, std::move(request)));
            link_->start();
        }
        co_return link_;
    }

    net::DialContext dial_;
    const std::string url_;
    const std::string endpoint_;
    const RpcOptions options_;
    std::optional<async::Mutex> lock_;
    std::shared_ptr<WsRpc> link_;
};

}  // namespace

std::shared_ptr<RpcTransport> make_http_transport(net::HttpClient& http, std::string url,
                                                  RpcOptions options) {
    return std::make_shared<HttpTransport>(http, std::move(url), options);
}

std::shared_ptr<RpcTransport> make_ws_transport(net::DialContext dial, std::string url,
                                                RpcOptions options) {
    return std::make_shared<WsTransport>(std::move(dial), std::move(url), options);
}

}  // namespace wavs::chain_evm
