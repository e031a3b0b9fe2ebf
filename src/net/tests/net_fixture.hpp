// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/runtime.hpp"
#include "wavs/async/task_group.hpp"
#include "wavs/async/testing/fake_timers.hpp"
#include "wavs/net/http_client.hpp"
#include "wavs/net/http_server.hpp"

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>

namespace wavs::net::testing {

/// Names that resolve to what the test says; everything else fails.
class FakeResolver final : public Resolver {
public:
    async::Task<base::Result<std::vector<std::string>>> resolve(std::string host) override {
        ++calls;
        const auto found = names.find(host);
        if (found == names.end()) {
            co_return base::Error(base::ErrorKind::Unavailable, "dns_failed",
                                  "cannot resolve host " + host);
        }
        co_return found->second;
    }
    std::map<std::string, std::vector<std::string>> names{{"localhost", {"127.0.0.1"}}};
    int calls = 0;
};

/// Answers by a function; remembers what it got.
class FakeHandler final : public HttpHandler {
public:
    async::Task<std::optional<Response>> on_head(const RequestHead& head) override {
        heads.push_back(head);
        co_return early ? early(head) : std::nullopt;
    }
    async::Task<Response> on_request(Request request) override {
        requests.push_back(request);
        if (gate) {
            co_await gate->wait();
        }
        co_return answer(request);
    }
    BodySink body_sink(const RequestHead&) override { return sink; }

    std::function<std::optional<Response>(const RequestHead&)> early;
    std::function<Response(const Request&)> answer = [](const Request& request) {
        return Response::text(request.body_too_large ? 413 : 200,
                              request.head.method + " " + request.head.target + " " + request.body);
    };
    BodySink sink;
    std::optional<async::OneShot<bool>> gate;
    std::vector<RequestHead> heads;
    std::vector<Request> requests;
};

/// Client and server on one thread; time moves only when told to.
class NetTest : public ::testing::Test {
protected:
    void start(HttpServerOptions options = {}) {
        auto made = HttpServer::listen(context_.get_executor(), timers_, handler_, options);
        ASSERT_TRUE(made.has_value()) << made.error().full_text();
        server_ = std::move(made.value());
    }
    DialContext dial() { return {timers_, clock_, resolver_, {}, {}}; }
    template <typename T>
    static async::Task<void> store(async::Task<T> task, std::optional<T>& out) {
        out.emplace(co_await std::move(task));
    }
    // The task on a strand of its own, to its end.
    template <typename T>
    T run(async::Task<T> task) {
        std::optional<T> out;
        async::TaskGroup group(context_.get_executor(), "run");
        group.spawn("run", store(std::move(task), out));
        run_until([&out] { return out.has_value(); });
        return std::move(*out);
    }
    // Until `done` holds; real I/O is under way, so this waits for it, not for time to pass.
    void run_until(const std::function<bool()>& done) {
        context_.restart();
        for (int i = 0; i < 20'000 && !done(); ++i) {
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
    base::testing::FakeClock clock_;
    async::testing::FakeTimers timers_{clock_};
    FakeResolver resolver_;
    FakeHandler handler_;
    std::unique_ptr<HttpServer> server_;
};

/// A plain blocking socket as the other side; the context runs while it waits.
class RawPeer {
public:
    explicit RawPeer(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
    }
    ~RawPeer() { ::close(fd_); }
    RawPeer(const RawPeer&) = delete;
    RawPeer& operator=(const RawPeer&) = delete;

    bool connected() const { return connected_; }
    void send(std::string_view text) const {
        EXPECT_EQ(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(text.size()));
    }
    void shutdown_write() const { ::shutdown(fd_, SHUT_WR); }
    /// Reads what is there; true at the end of the stream.
    bool drain() {
        std::array<char, 65536> piece{};
        while (true) {
            const auto n = ::recv(fd_, piece.data(), piece.size(), MSG_DONTWAIT);
            if (n <= 0) {
                return ended_ = ended_ || n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
            }
            got.append(piece.data(), static_cast<std::size_t>(n));
        }
    }
    std::string got;

private:
    int fd_;
    bool connected_ = false;
    bool ended_ = false;
};

}  // namespace wavs::net::testing
