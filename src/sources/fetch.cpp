// SPDX-License-Identifier: Apache-2.0
#include "fetch.hpp"

#include "wavs/telemetry/log.hpp"

#include <algorithm>
#include <optional>

namespace wavs::sources {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_scheme_char(char c, bool first) {
    const bool letter = lower(c) >= 'a' && lower(c) <= 'z';
    return letter || (!first && ((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.'));
}

/// Lower case; empty when the text has none.
std::string scheme_of(std::string_view uri) {
    std::string scheme(uri.substr(0, uri.find(':')));
    if (scheme.size() == uri.size()) {
        return {};
    }
    bool first = true;
    for (char& c : scheme) {
        if (!is_scheme_char(c, first)) {
            return {};
        }
        c = lower(c);
        first = false;
    }
    return scheme;
}

// A refusal of the caller's own making gives the same answer again; so does a redirect loop.
bool worth_another_try(const base::Error& error) {
    return (error.kind() == base::ErrorKind::Unavailable ||
            error.kind() == base::ErrorKind::Timeout) &&
           error.code() != base::ErrorCode("redirect_failed");
}

bool worth_another_try(unsigned status) { return status == 429 || (status >= 500 && status < 600); }

base::Error transport_error(const base::Error& cause, const FetchPlan& plan, bool body_began) {
    if (cause.kind() == base::ErrorKind::Cancelled) {
        return cause;
    }
    if (cause.code() == base::ErrorCode("response_too_large")) {
        return {base::ErrorKind::TooLarge, "fetch_too_large",
                fmt::format("Failed to fetch data: larger than {} bytes", plan.max_bytes),
                "publish a smaller file, or raise the limit of this node"};
    }
    if (body_began && cause.kind() == base::ErrorKind::Unavailable) {
        return {base::ErrorKind::Unavailable, "fetch_failed",
                fmt::format("{}: error decoding response body", plan.broken_body)};
    }
    // A refused address stays Denied: it is this node's configuration, not the other server.
    const auto kind = cause.kind() == base::ErrorKind::Denied ? base::ErrorKind::Denied
                                                              : base::ErrorKind::Unavailable;
    return {kind, "fetch_failed", "Failed to fetch data: " + cause.message(), cause.remedy()};
}

base::Error status_error(unsigned status) {
    return {
        base::ErrorKind::Unavailable, "fetch_status",
        fmt::format("Failed to fetch data, status code: {} {}", status, net::status_name(status))};
}

/// One answer, whole, or why there is none.
struct Attempt {
    FetchedBody body;
    std::optional<base::Error> error;
    bool again = false;
};

struct Received {
    std::string bytes;
    hash::Sha256 hash;
};

async::Task<Attempt> attempt(net::HttpClient& http, const FetchPlan& plan) {
    Attempt out;
    auto received = std::make_shared<Received>();
    net::ClientRequest request;
    request.url = plan.url;
    request.connect_timeout = plan.connect_timeout;
    request.total_timeout = plan.total_timeout;
    request.max_response_bytes = plan.max_bytes;
    request.max_redirects = plan.max_redirects;
    request.sink = [received](base::ByteView piece) -> base::Result<void> {
        received->bytes.append(base::as_text(piece));
        received->hash.update(piece);
        return base::ok();
    };
    auto response = co_await http.send(std::move(request));
    if (!response.has_value()) {
        out.again = worth_another_try(response.error());
        out.error = transport_error(response.error(), plan, !received->bytes.empty());
    } else if (const auto status = response.value().status; status < 200 || status >= 300) {
        out.again = worth_another_try(status);
        out.error = status_error(status);
    } else {
        out.body = {std::move(received->bytes), received->hash.finish()};
    }
    co_return out;
}

async::Task<base::Result<FetchedBody>> try_several_times(net::HttpClient& http,
                                                         async::Timers& timers, FetchPlan plan) {
    auto pause = plan.first_pause;
    for (unsigned failures = 0;; ++failures) {
        auto result = co_await attempt(http, plan);
        if (!result.error) {
            co_return std::move(result.body);
        }
        if (!result.again || failures == plan.retries) {
            co_return std::move(*result.error);
        }
        telemetry::log_debug("sources", "fetch failed, trying again",
                             {{"error", result.error->message()}, {"failures", failures + 1}});
        WAVS_CO_TRY(co_await timers.sleep_for(pause));
        pause *= 2;
    }
}

}  // namespace

base::Result<void> check_uri(std::string_view uri) {
    const bool printable =
        std::all_of(uri.begin(), uri.end(), [](char c) { return c > ' ' && c < 0x7f; });
    const auto reason = !printable ? "invalid IRI: invalid path"
                                   : "invalid IRI: expected an absolute IRI but got a relative IRI";
    if (!printable || scheme_of(uri).empty()) {
        return base::Error(base::ErrorKind::Unavailable, "uri_invalid",
                           fmt::format("URI creation error: {}", reason),
                           "set the manager's service URI to an absolute address of the manifest");
    }
    return base::ok();
}

base::Result<void> check_scheme(std::string_view uri) {
    const auto scheme = scheme_of(uri);
    if (scheme == "http" || scheme == "https") {
        return base::ok();
    }
    if (scheme != "ipfs") {
        return base::Error(base::ErrorKind::Unsupported, "fetch_scheme",
                           fmt::format("Unsupported URI scheme: {}. Currently supported schemes "
                                       "are: http, https, and ipfs",
                                       scheme));
    }
    if (!uri.substr(scheme.size()).starts_with("://")) {
        return base::Error(base::ErrorKind::Invalid, "ipfs_invalid",
                           "IPFS URI must have an authority", "write ipfs://<cid>/<path>");
    }
    return base::Error(base::ErrorKind::Unsupported, "ipfs_unsupported",
                       "ipfs:// is not yet supported by this node",
                       "publish the address of a gateway, as https://ipfs.io/ipfs/<cid>");
}

async::Task<base::Result<FetchedBody>> fetch(net::HttpClient& http, async::Timers& timers,
                                             FetchPlan plan) {
    const auto limit = plan.total_timeout;
    auto work = try_several_times(http, timers, std::move(plan));
    auto result = co_await async::with_timeout(timers, limit, "fetch", std::move(work));
    if (!result.has_value() && result.error().kind() == base::ErrorKind::Timeout) {
        const auto seconds = std::chrono::duration<double>(limit).count();
        co_return base::Error(
            base::ErrorKind::Unavailable, "fetch_failed",
            fmt::format("Failed to fetch data: not complete within {} s", seconds));
    }
    co_return result;
}

}  // namespace wavs::sources
