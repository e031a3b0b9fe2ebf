// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/task.hpp"
#include "wavs/base/bytes.hpp"

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace wavs::net {

/// Header fields in the order of the message; names compare without case.
class Headers {
public:
    using Field = std::pair<std::string, std::string>;

    Headers() = default;
    Headers(std::initializer_list<Field> fields) : fields_(fields) {}

    void add(std::string name, std::string value);
    /// Replaces every field of that name.
    void set(std::string name, std::string value);
    void remove(std::string_view name);
    /// The first value of that name.
    std::optional<std::string_view> find(std::string_view name) const;
    const std::vector<Field>& all() const { return fields_; }

private:
    std::vector<Field> fields_;
};

/// Gets a body piece by piece; an error ends the reading with that error.
using BodySink = std::function<base::Result<void>(base::ByteView piece)>;

/// What a server knows of a request before its body is read.
struct RequestHead {
    std::string method;
    /// As sent: path and query, not decoded.
    std::string target;
    Headers headers;
    /// Address of the peer without port, such as "127.0.0.1".
    std::string peer;
    bool peer_is_loopback = false;
    /// Of a body with a stated length.
    std::optional<std::uint64_t> content_length;

    std::string_view path() const { return std::string_view(target).substr(0, target.find('?')); }
};

struct Request {
    RequestHead head;
    std::string body;
    /// The body was above the limit: `body` is empty, the connection closes after the response.
    bool body_too_large = false;
    /// What a body sink ended the reading with; the connection closes after the response.
    std::optional<base::Error> sink_error;
};

/// A response body that comes into being slowly (server-sent events). `next()` gives the next
/// piece; none ends the body. Runs on the connection's strand; destroyed when the peer goes away.
class BodyProducer {
public:
    virtual ~BodyProducer() = default;
    virtual async::Task<base::Result<std::optional<std::string>>> next() = 0;
};

struct Response {
    unsigned status = 200;
    Headers headers;
    std::string body;
    /// When set, `body` is ignored and the pieces are sent as they come (chunked).
    std::shared_ptr<BodyProducer> producer;

    static Response text(unsigned status, std::string body);
};

/// "Not Found" of 404; "Unknown" of a number that has no name.
std::string_view status_name(unsigned status);

}  // namespace wavs::net
