// SPDX-License-Identifier: Apache-2.0
#pragma once

// A node's engine over the real guest library and RocksDB, for the tests of this folder.

#include "support.hpp"
#include "wavs/async/runtime.hpp"
#include "wavs/base/assert.hpp"
#include "wavs/engine/engine.hpp"
#include "wavs/rt/native.hpp"
#include "wavs/rt/testing/wait.hpp"
#include "wavs/storage/rocksdb_store.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace wavs::engine {

inline std::optional<base::Bytes> read_component(std::string_view name) {
    std::ifstream file(std::filesystem::path(WAVS_SOURCE_DIR) / "examples/components/prebuilt" /
                           (std::string(name) + ".wasm"),
                       std::ios::binary);
    if (!file) {
        return std::nullopt;
    }
    return base::Bytes(std::istreambuf_iterator<char>(file), {});
}

// One start of a node on a data directory.
class Node {
public:
    Node(const std::filesystem::path& data, Options options)
        : blobs_(data / "ca"), store_(storage::RocksdbStore::open(data / "db").value()) {
        options.data = data;
        options.guest_threads = 2;
        auto made = Engine::create(std::move(options), {.blocking = runtime_.blocking(),
                                                        .metrics = metrics_,
                                                        .store = *store_,
                                                        .blobs = blobs_,
                                                        .library = rt::native_library()});
        WAVS_ASSERT(made.has_value());
        engine_ = std::move(made.value());
    }
    ~Node() {
        engine_.reset();
        runtime_.stop();
    }
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    Engine& engine() { return *engine_; }
    storage::BlobStore& blobs() { return blobs_; }
    storage::Store& store() { return *store_; }
    template <typename T>
    T wait(async::Task<T> task) {
        return rt::testing::wait(context_, std::move(task));
    }

private:
    boost::asio::io_context context_;
    async::Runtime runtime_{{.io_threads = 1, .blocking_threads = 2}};
    telemetry::Metrics metrics_;
    storage::BlobStore blobs_;
    std::unique_ptr<storage::RocksdbStore> store_;
    std::unique_ptr<Engine> engine_;
};

class RealEngineTest : public ::testing::Test {
protected:
    // False when the component is not there.
    bool use(std::string_view name) {
        const auto bytes = read_component(name);
        if (!bytes) {
            return false;
        }
        component_ = component_of_digest(node().blobs().put(*bytes).value());
        return true;
    }
    Node& node() {
        if (node_ == nullptr) {
            node_ = std::make_unique<Node>(dir_.path(), options_);
        }
        return *node_;
    }
    void restart() {
        node_.reset();
        (void)node();
    }
    ServiceSnapshot service() { return snapshot_of(service_with(component_)); }
    base::Result<OperatorOutcome> run(std::string_view data) {
        return node().wait(
            async::as_task(node().engine().run_operator(operator_job(service(), data))));
    }
    // The payload of the one response, or the error.
    std::string text(std::string_view data) {
        const auto outcome = run(data);
        if (!outcome.has_value()) {
            return std::string(outcome.error().code().view()) + ": " + outcome.error().message();
        }
        if (outcome.value().responses.size() != 1) {
            return fmt::format("{} responses", outcome.value().responses.size());
        }
        return std::string(base::as_text(outcome.value().responses[0].payload));
    }

    TempDir dir_;
    Options options_;
    types::Component component_;
    std::unique_ptr<Node> node_;
};

#define WAVS_USE(name)                                                             \
    if (!use(name)) {                                                              \
        GTEST_SKIP() << "examples/components/prebuilt/" name ".wasm is not there"; \
    }

}  // namespace wavs::engine
