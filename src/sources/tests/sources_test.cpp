// SPDX-License-Identifier: Apache-2.0
#include "wavs/sources/sources.hpp"
#include "wavs/async/runtime.hpp"
#include "wavs/async/testing/run.hpp"
#include "wavs/base/hex.hpp"
#include "wavs/hash/hash.hpp"
#include "wavs/net/http_server.hpp"

#include <gmock/gmock.h>

#include <unistd.h>
#include <atomic>
#include <filesystem>
#include <map>

namespace wavs::sources {
namespace {

// A `Result` cannot be made without a value, which the runner needs.
template <typename T>
async::Task<std::optional<T>> hold(async::Task<T> task) {
    co_return std::optional<T>(co_await std::move(task));
}

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::string_view kManifest =
    R"({"name":"demo","workflows":{},"status":"active","manager":{"evm":{"chain":"evm:31337",)"
    R"("address":"0x1111111111111111111111111111111111111111"}}})";

types::ComponentDigest digest_of(std::string_view text) {
    return types::ComponentDigest(hash::sha256(base::as_bytes(text)));
}

/// Answers by path; counts what it was asked.
class FileServer final : public net::HttpHandler {
public:
    explicit FileServer(async::Timers& timers) : timers_(timers) {}

    async::Task<net::Response> on_request(net::Request request) override {
        const std::string path(request.head.path());
        const auto number = ++asked[path];
        if (path == "/slow") {
            static_cast<void>(co_await timers_.sleep_for(std::chrono::seconds(5)));
        }
        if (path == "/busy" && number <= 2) {
            co_return net::Response::text(number == 1 ? 503 : 429, "later");
        }
        if (path == "/down") {
            co_return net::Response::text(502, "down");
        }
        if (path == "/moved" || path == "/loop") {
            net::Response out;
            out.status = 302;
            out.headers.add("location", path == "/loop" ? "/loop" : "/demo.json");
            co_return out;
        }
        const auto found = files.find(path);
        if (found == files.end()) {
            co_return net::Response::text(404, "no");
        }
        co_return net::Response::text(200, found->second);
    }

    std::map<std::string, std::string> files{{"/demo.json", std::string(kManifest)},
                                             {"/busy", std::string(kManifest)},
                                             {"/html", "<html>"},
                                             {"/empty", ""},
                                             {"/c.wasm", "component"}};
    std::map<std::string, int> asked;

private:
    async::Timers& timers_;
};

/// Promises more than it sends.
class BrokenBody final : public net::BodyProducer {
public:
    async::Task<base::Result<std::optional<std::string>>> next() override {
        if (!std::exchange(sent_, true)) {
            co_return std::optional<std::string>("half of");
        }
        co_return base::Error(base::ErrorKind::Unavailable, "broken", "broken on purpose");
    }

private:
    bool sent_ = false;
};
class BrokenServer final : public net::HttpHandler {
public:
    async::Task<net::Response> on_request(net::Request) override {
        ++asked;
        net::Response out;
        out.producer = std::make_shared<BrokenBody>();
        co_return out;
    }
    int asked = 0;
};

class SourcesTest : public ::testing::Test {
protected:
    SourcesTest() {
        server_ = net::HttpServer::listen(context_.get_executor(), timers_, handler_, {}).value();
        remake();
    }
    ~SourcesTest() override {
        sources_.reset();
        run(stop());
        threads_.stop();
        std::filesystem::remove_all(folder_);
    }

    void remake() {
        sources_ = std::make_unique<Sources>(
            options_, SourcesDeps{http_, timers_, blobs_, metrics_, threads_.blocking()});
    }
    async::Task<bool> stop() {
        co_await server_->stop(std::chrono::milliseconds(100));
        co_return true;
    }

    template <typename T>
    T run(async::Task<T> task) {
        return *async::testing::run(context_, hold(std::move(task)));
    }
    std::string url(std::string_view path) { return server_->url() + std::string(path); }
    auto manifest(std::string uri) { return run(sources_->fetch_manifest(std::move(uri))); }
    auto component(types::ComponentSource source) {
        return run(sources_->make_available(std::move(source)));
    }

    static inline int counter_ = 0;
    boost::asio::io_context context_;
    async::SystemTimers timers_;
    base::SystemClock clock_;
    async::Runtime threads_{{.io_threads = 1, .blocking_threads = 2}};
    net::SystemResolver resolver_{threads_.blocking()};
    net::HttpClient http_{net::DialContext{timers_, clock_, resolver_, {}, {}}};
    telemetry::Metrics metrics_;
    const std::filesystem::path folder_ = std::filesystem::temp_directory_path() /
                                          fmt::format("wavs-sources-{}-{}", ::getpid(), counter_++);
    storage::BlobStore blobs_{folder_};
    FileServer handler_{timers_};
    std::unique_ptr<net::HttpServer> server_;
    SourcesOptions options_{.first_pause = std::chrono::milliseconds(1)};
    std::unique_ptr<Sources> sources_;
};

TEST_F(SourcesTest, a_manifest_is_fetched_and_parsed) {
    const auto got = manifest(url("/demo.json"));
    ASSERT_TRUE(got.has_value()) << got.error().full_text();
    EXPECT_EQ(got.value().manifest.service.name, "demo");
    EXPECT_EQ(got.value().size, kManifest.size());
}

TEST_F(SourcesTest, the_scheme_is_compared_without_case) {
    EXPECT_TRUE(manifest("HTTP" + url("/demo.json").substr(4)).has_value());
}

TEST_F(SourcesTest, redirects_are_followed_to_a_limit) {
    EXPECT_TRUE(manifest(url("/moved")).has_value());
    const auto loop = manifest(url("/loop"));
    ASSERT_FALSE(loop.has_value());
    EXPECT_THAT(loop.error().message(),
                StartsWith("Failed to fetch service: Failed to fetch data: "));
    EXPECT_EQ(handler_.asked["/loop"], 11) << "ten redirects, and a loop is not tried again";
}

TEST_F(SourcesTest, a_missing_manifest_is_told_by_its_status_at_once) {
    const auto got = manifest(url("/none"));
    ASSERT_FALSE(got.has_value());
    EXPECT_EQ(got.error().message(),
              "Failed to fetch service: Failed to fetch data, status code: 404 Not Found");
    EXPECT_EQ(got.error().kind(), base::ErrorKind::Unavailable);
    EXPECT_EQ(handler_.asked["/none"], 1);
}

TEST_F(SourcesTest, busy_servers_are_asked_again) {
    EXPECT_TRUE(manifest(url("/busy")).has_value());
    EXPECT_EQ(handler_.asked["/busy"], 3);
    EXPECT_FALSE(manifest(url("/down")).has_value());
    EXPECT_EQ(handler_.asked["/down"], 4);
}

TEST_F(SourcesTest, texts_that_are_no_manifest_say_where_and_why) {
    for (const char* path : {"/html", "/empty"}) {
        const auto got = manifest(url(path));
        ASSERT_FALSE(got.has_value());
        EXPECT_THAT(got.error().message(),
                    StartsWith("Failed to fetch service: Failed to parse response as JSON: error "
                               "decoding response body: "));
    }
    EXPECT_THAT(manifest(url("/html")).error().message(), HasSubstr("line 1 column 1"));
}

TEST_F(SourcesTest, unusable_uris_are_refused_before_anything_is_sent) {
    const std::string prefix = "URI creation error: invalid IRI: ";
    EXPECT_EQ(manifest("").error().message(),
              prefix + "expected an absolute IRI but got a relative IRI");
    EXPECT_EQ(manifest("demo.json").error().message(),
              prefix + "expected an absolute IRI but got a relative IRI");
    EXPECT_EQ(manifest("http://a b").error().message(), prefix + "invalid path");
    EXPECT_EQ(manifest("ftp://h/x").error().message(),
              "Failed to fetch service: Unsupported URI scheme: ftp. Currently supported schemes "
              "are: http, https, and ipfs");
    EXPECT_EQ(manifest("ipfs:x").error().message(),
              "Failed to fetch service: IPFS URI must have an authority");
    const auto ipfs = manifest("IPFS://bafy/x");
    EXPECT_EQ(ipfs.error().kind(), base::ErrorKind::Unsupported);
    EXPECT_THAT(ipfs.error().message(), HasSubstr("ipfs://"));
    EXPECT_FALSE(ipfs.error().remedy().empty());
}

TEST_F(SourcesTest, an_oversized_manifest_is_not_read_to_its_end) {
    options_.manifest.max_bytes = kManifest.size() - 1;
    remake();
    EXPECT_EQ(manifest(url("/demo.json")).error().code(), base::ErrorCode("fetch_too_large"));
    options_.manifest.max_bytes = kManifest.size();
    remake();
    EXPECT_TRUE(manifest(url("/demo.json")).has_value());
}

TEST_F(SourcesTest, a_slow_server_ends_in_time) {
    options_.manifest_timeout = std::chrono::milliseconds(50);
    remake();
    const auto began = clock_.steady_now();
    const auto got = manifest(url("/slow"));
    EXPECT_LT(clock_.steady_now() - began, std::chrono::seconds(2));
    EXPECT_THAT(got.error().message(), HasSubstr("Failed to fetch data: "));
}

TEST_F(SourcesTest, an_unreachable_server_is_named_without_its_path) {
    const auto got = manifest("http://127.0.0.1:1/secret-key");
    EXPECT_THAT(got.error().message(),
                StartsWith("Failed to fetch service: Failed to fetch data: "));
    EXPECT_THAT(got.error().full_text(), Not(HasSubstr("secret-key")));
}

TEST_F(SourcesTest, bodies_that_break_off_are_named_by_their_kind) {
    BrokenServer broken;
    auto server = net::HttpServer::listen(context_.get_executor(), timers_, broken, {}).value();
    EXPECT_THAT(manifest(server->url() + "/m").error().message(),
                "Failed to fetch service: Failed to parse response as JSON: error decoding "
                "response body");
    EXPECT_EQ(broken.asked, 4);
    EXPECT_THAT(
        component(types::DownloadSource{server->url() + "/c", digest_of("x")}).error().message(),
        "Engine: Storage error: Failed to download from url: Failed to read response "
        "bytes: error decoding response body");
}

TEST_F(SourcesTest, a_component_is_stored_under_its_digest_and_fetched_once) {
    const types::DownloadSource source{url("/c.wasm"), digest_of("component")};
    ASSERT_TRUE(component(source).has_value());
    EXPECT_EQ(base::as_text(blobs_.get(source.digest).value()), "component");
    ASSERT_TRUE(component(source).has_value());
    EXPECT_EQ(handler_.asked["/c.wasm"], 1);
    // What is stored needs no source at all.
    EXPECT_TRUE(component(types::DigestSource{source.digest}).has_value());
    EXPECT_TRUE(component(types::DownloadSource{"ftp://h/x", source.digest}).has_value());
}

TEST_F(SourcesTest, other_bytes_than_promised_are_never_stored) {
    const auto got = component(types::DownloadSource{url("/html"), digest_of("component")});
    ASSERT_FALSE(got.has_value());
    EXPECT_EQ(got.error().message(),
              "Engine: Storage error: Downloaded component digest does not match expected digest");
    EXPECT_EQ(got.error().kind(), base::ErrorKind::Invalid);
    EXPECT_TRUE(blobs_.list().empty());
}

TEST_F(SourcesTest, component_limits_and_statuses) {
    options_.max_component_bytes = 8;
    remake();
    EXPECT_EQ(
        component(types::DownloadSource{url("/c.wasm"), digest_of("component")}).error().code(),
        base::ErrorCode("fetch_too_large"));
    EXPECT_EQ(component(types::DownloadSource{url("/none"), digest_of("x")}).error().message(),
              "Engine: Storage error: Failed to download from url: Failed to fetch data, status "
              "code: 404 Not Found");
}

TEST_F(SourcesTest, what_cannot_be_fetched_is_named) {
    const auto digest = digest_of("x");
    const auto missing = component(types::DigestSource{digest});
    EXPECT_EQ(missing.error().message(),
              "Engine: No wasm found for digest " + types::to_string(digest));
    const auto registry = component(types::RegistrySource{digest, {}, {}, "acme:oracle"});
    EXPECT_EQ(registry.error().kind(), base::ErrorKind::Unsupported);
    EXPECT_THAT(registry.error().message(), HasSubstr("acme:oracle"));
    EXPECT_THAT(registry.error().remedy(), HasSubstr(types::to_string(digest)));
}

async::Task<void> count_successes(Sources& sources, types::DownloadSource source, int& good,
                                  int& ended) {
    const auto got = co_await sources.make_available(std::move(source));
    good += got.has_value() ? 1 : 0;
    ++ended;
}

TEST_F(SourcesTest, callers_at_the_same_time_share_one_download) {
    // Long enough for every caller to arrive before the first one gives up.
    options_.first_pause = std::chrono::milliseconds(50);
    remake();
    int good = 0;
    int ended = 0;
    async::TaskGroup group(context_.get_executor(), "test");
    for (const char* path : {"/c.wasm", "/down"}) {
        for (int i = 0; i < 5; ++i) {
            const auto digest = digest_of(path == std::string("/down") ? "y" : "component");
            group.spawn("fetch", count_successes(*sources_, {url(path), digest}, good, ended));
        }
    }
    context_.restart();
    while (ended < 10) {
        context_.run_one_for(std::chrono::seconds(5));
    }
    EXPECT_EQ(good, 5);
    EXPECT_EQ(handler_.asked["/c.wasm"], 1);
    EXPECT_EQ(handler_.asked["/down"], 4) << "waiting callers take the outcome of the first";
}

}  // namespace
}  // namespace wavs::sources
