// SPDX-License-Identifier: Apache-2.0
#include "rpc_json.hpp"
#include "wavs/async/mutex.hpp"
#include "wavs/async/semaphore.hpp"
#include "wavs/net/ws_client.hpp"
#include "ws_rpc.hpp"

#include <boost/asio/this_coro.hpp>

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
        : http_(http),
          url_(std::move(url)),
          endpoint_(redacted(url_)),
          options_(options),
          turns_(options.max_calls_at_once) {}

    std::string endpoint() const override { return endpoint_; }

    async::Task<base::Result<RpcReply>> call(std::string method, std::string params) override {
        const auto id = next_id_.fetch_add(1, std::memory_order_relaxed);
        auto body = request_text(id, method, params);
        WAVS_CO_TRY(auto response, co_await post(std::move(body)));
        auto document = json::Document::parse(std::string_view(response.body));
        auto reply = document.has_value() ? read_reply(document.value().root(), id)
                                          : base::Result<RpcReply>(document.error());
        if (!reply.has_value()) {
            co_return no_reply(response.status, method, reply.error());
        }
        co_return reply;
    }

    async::Task<std::vector<base::Result<RpcReply>>> call_in_order(
        std::string method, std::vector<std::string> params) override {
        if (params.size() < 2 || !batches_) {
            co_return co_await RpcTransport::call_in_order(std::move(method), std::move(params));
        }
        const auto first = next_id_.fetch_add(params.size(), std::memory_order_relaxed);
        auto response = co_await post(batch_text(first, method, params));
        if (!response.has_value()) {
            co_return std::vector<base::Result<RpcReply>>(params.size(), response.error());
        }
        const auto& answer = response.value();
        auto document = json::Document::parse(std::string_view(answer.body));
        if (!document.has_value()) {
            const auto error = no_reply(answer.status, method, document.error());
            co_return std::vector<base::Result<RpcReply>>(params.size(), error);
        }
        const auto& root = document.value().root();
        if (!root.is_array()) {
            if (const auto busy = busy_reply(answer.status, method, root)) {
                co_return std::vector<base::Result<RpcReply>>(params.size(), *busy);
            }
            // It takes one request a message. Twice the same transaction does no harm.
            batches_ = false;
            co_return co_await RpcTransport::call_in_order(std::move(method), std::move(params));
        }
        co_return read_batch(root, first, method, params.size());
    }

private:
    async::Task<base::Result<net::ClientResponse>> post(std::string body) {
        net::ClientRequest request;
        request.method = "POST";
        request.url = url_;
        request.headers.add("content-type", "application/json");
        request.body = std::move(body);
        request.connect_timeout = options_.connect_timeout;
        request.total_timeout = options_.call_timeout;
        request.max_response_bytes = options_.max_response_bytes;
        // Every method we use may be sent twice: a transaction has one hash.
        request.idempotent = true;
        WAVS_CO_TRY(const auto permit, co_await turns_.acquire());
        co_return co_await http_.send(std::move(request));
    }

    base::Error no_reply(unsigned status, std::string_view method, const base::Error& error) const {
        if (status != 200) {
            const auto kind =
                status == 429 ? base::ErrorKind::Overloaded : base::ErrorKind::Unavailable;
            return {kind, "rpc_http_status",
                    fmt::format("{}: {}: HTTP status {} {}", endpoint_, method, status,
                                net::status_name(status))};
        }
        return invalid_response(endpoint_, method, error.message());
    }

    // What a batch got that the endpoint would not answer now, whatever its form.
    std::optional<base::Result<RpcReply>> busy_reply(unsigned status, std::string_view method,
                                                     const json::Value& answer) const {
        const auto member = answer.find("error");
        const auto error = member ? read_rpc_error(*member)
                                  : base::Result<RpcError>(answer.shape_error("no error object"));
        if (status == 429 || (status >= 500 && !error.has_value())) {
            return no_reply(status, method, answer.shape_error("no list of responses"));
        }
        const bool overloaded = error.has_value() && to_error(method, error.value()).kind() ==
                                                         base::ErrorKind::Overloaded;
        return overloaded ? std::optional<base::Result<RpcReply>>(RpcReply(error.value()))
                          : std::nullopt;
    }

    // The items of the answer may be in any order, and some may be missing.
    std::vector<base::Result<RpcReply>> read_batch(const json::Value& answer, std::uint64_t first,
                                                   std::string_view method,
                                                   std::size_t count) const {
        std::vector<base::Result<RpcReply>> out(
            count, invalid_response(endpoint_, method, "no answer to one request of several"));
        for (const auto& item : answer.items()) {
            const auto id = item.find("id");
            const auto number = id ? json::read_u64(*id) : base::Result<std::uint64_t>(0);
            if (!number.has_value() || number.value() < first || number.value() - first >= count) {
                continue;
            }
            auto reply = read_reply(item, number.value());
            out[number.value() - first] =
                reply.has_value() ? std::move(reply)
                                  : invalid_response(endpoint_, method, reply.error().message());
        }
        return out;
    }

    net::HttpClient& http_;
    const std::string url_;
    const std::string endpoint_;
    const RpcOptions options_;
    async::Semaphore turns_;
    std::atomic<std::uint64_t> next_id_{1};
    std::atomic<bool> batches_{true};
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

    async::Task<std::vector<base::Result<RpcReply>>> call_in_order(
        std::string method, std::vector<std::string> params) override {
        auto link = co_await linked();
        if (!link.has_value()) {
            co_return std::vector<base::Result<RpcReply>>(params.size(), link.error());
        }
        co_return co_await link.value()->call_in_order(std::move(method), std::move(params),
                                                       options_.call_timeout);
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

// Brings the calls of all strands to one.
class StrandTransport final : public RpcTransport {
public:
    StrandTransport(std::shared_ptr<RpcTransport> inner, async::Executor strand)
        : inner_(std::move(inner)), tasks_(std::move(strand), "rpc " + inner_->endpoint()) {}

    std::string endpoint() const override { return inner_->endpoint(); }

    async::Task<base::Result<RpcReply>> call(std::string method, std::string params) override {
        using Reply = base::Result<RpcReply>;
        async::OneShot<Reply> done(co_await boost::asio::this_coro::executor);
        const auto name = method;
        tasks_.spawn(name, keep(inner_->call(std::move(method), std::move(params)), done));
        auto reply = co_await done.wait();
        co_return reply ? std::move(*reply) : Reply(async::cancelled_error(name));
    }

    async::Task<std::vector<base::Result<RpcReply>>> call_in_order(
        std::string method, std::vector<std::string> params) override {
        using Replies = std::vector<base::Result<RpcReply>>;
        async::OneShot<Replies> done(co_await boost::asio::this_coro::executor);
        const auto name = method;
        const auto count = params.size();
        tasks_.spawn(name, keep(inner_->call_in_order(std::move(method), std::move(params)), done));
        auto replies = co_await done.wait();
        co_return replies ? std::move(*replies) : Replies(count, async::cancelled_error(name));
    }

private:
    template <typename T>
    static async::Task<void> keep(async::Task<T> task, async::OneShot<T> done) {
        done.set(co_await std::move(task));
    }

    std::shared_ptr<RpcTransport> inner_;
    async::TaskGroup tasks_;
};

}  // namespace

async::Task<std::vector<base::Result<RpcReply>>> RpcTransport::call_in_order(
    std::string method, std::vector<std::string> params) {
    std::vector<base::Result<RpcReply>> out;
    for (auto& one : params) {
        out.push_back(co_await call(method, std::move(one)));
    }
    co_return out;
}

std::shared_ptr<RpcTransport> make_http_transport(net::HttpClient& http, std::string url,
                                                  RpcOptions options) {
    return std::make_shared<HttpTransport>(http, std::move(url), options);
}

std::shared_ptr<RpcTransport> make_ws_transport(net::DialContext dial, std::string url,
                                                RpcOptions options) {
    return std::make_shared<WsTransport>(std::move(dial), std::move(url), options);
}

std::shared_ptr<RpcTransport> on_strand(std::shared_ptr<RpcTransport> inner,
                                        async::Executor strand) {
    return std::make_shared<StrandTransport>(std::move(inner), std::move(strand));
}

}  // namespace wavs::chain_evm
