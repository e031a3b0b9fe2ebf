// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/net/dial.hpp"
#include "wavs/net/http_message.hpp"

#include <chrono>
#include <memory>
#include <string>

namespace wavs::net {

struct WsRequest {
    std::string url;
    Headers headers;
    /// Resolve, connect, TLS and upgrade together.
    base::Duration connect_timeout = std::chrono::seconds(10);
    std::size_t max_message_bytes = std::size_t{16} << 20;
    base::Duration ping_interval = std::chrono::seconds(15);
    /// The connection ends when no frame of any kind came for so long.
    base::Duration dead_after = std::chrono::seconds(30);
};

/// One WebSocket connection. Use it from the executor it was connected on, a strand (or a single
/// thread): one `receive()` at a time; `send()` may be called at any time, messages keep their
/// order. Destroying it drops the connection at once.
class WsClient {
public:
    static async::Task<base::Result<std::unique_ptr<WsClient>>> connect(DialContext dial,
                                                                        WsRequest request);
    ~WsClient();
    WsClient(const WsClient&) = delete;
    WsClient& operator=(const WsClient&) = delete;

    async::Task<base::Result<void>> send(std::string text);
    /// The next text message; binary ones are skipped. Errors: `ws_closed` (by the peer, or dead),
    /// `ws_too_large`, `ws_failed`. After an error the connection is of no more use.
    async::Task<base::Result<std::string>> receive();
    /// The closing handshake, for at most `limit`; then the connection is dropped.
    async::Task<void> close(base::Duration limit = std::chrono::milliseconds(500));
    /// Drops the connection; a waiting `receive()` ends with `ws_closed`. From the same executor.
    void abort();

private:
    struct Impl;
    explicit WsClient(std::shared_ptr<Impl> impl);
    std::shared_ptr<Impl> impl_;
};

}  // namespace wavs::net
