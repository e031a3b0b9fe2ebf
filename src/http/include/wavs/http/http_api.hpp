// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/http/api.hpp"

namespace wavs::http {

/// The node's HTTP interface on a port. Owned by `app`; `start()` once, `stop()` before
/// destruction.
class HttpApi {
public:
    HttpApi(HttpOptions options, NodeApi& node, const Environment& environment);
    ~HttpApi();
    HttpApi(const HttpApi&) = delete;
    HttpApi& operator=(const HttpApi&) = delete;

    /// Checks the options, binds, logs the address. Errors of `check()` and of
    /// `net::HttpServer::listen`.
    base::Result<void> start();
    /// The chosen port; 0 before `start()`.
    std::uint16_t port() const;
    /// "http://127.0.0.1:8000"; empty before `start()`.
    std::string url() const;

    /// No new requests; those under way get half of `deadline` to end, then they are cut and their
    /// changes cancelled.
    async::Task<void> stop(base::Duration deadline);

private:
    Environment environment_;
    Api api_;
    std::unique_ptr<net::HttpServer> server_;
};

}  // namespace wavs::http
