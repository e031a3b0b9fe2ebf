// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/engine/engine.hpp"

#include "flat.hpp"
#include "strikes.hpp"
#include "support.hpp"
#include "wavs/async/runtime.hpp"
#include "wavs/async/task_group.hpp"
#include "wavs/base/assert.hpp"
#include "wavs/base/hex.hpp"
#include "wavs/hash/hash.hpp"
#include "wavs/rt/testing/fake_library.hpp"
#include "wavs/rt/testing/wait.hpp"
#include "wavs/storage/memory_store.hpp"
#include "wavs/telemetry/testing/captured_log.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <fstream>
#include <limits>
#include <thread>

namespace wavs::engine {

inline base::Bytes responses(std::string_view hex) { return base::parse_hex(hex).value(); }
inline const base::Bytes kNoResponse = {0, 0, 0, 0};
/// Payload "hi", no ordering, no salt.
inline const base::Bytes kOneResponse = responses("010000000200000068690000");

/// The engine over a guest library whose runs are functions.
class EngineTest : public ::testing::Test {
protected:
    void SetUp() override {
        digest_ = store_component({1, 2, 3});
        options_.data = dir_.path();
        fake_.on_run([](const rt::testing::FakeGuest& /*guest*/) {
            return rt::testing::FakeAnswer{.output = kNoResponse};
        });
    }
    void TearDown() override { end_threads(); }
    types::ComponentDigest store_component(const base::Bytes& bytes) {
        return blobs_.put(bytes).value();
    }
    // Ends every thread that still holds an executor. Asio counts those references with a fence
    // that ThreadSanitizer does not see, so a group on a strand must not be the last to let go.
    void end_threads() {
        engine_.reset();
        runtime_.stop();
    }
    Engine& engine() {
        if (engine_ == nullptr) {
            auto made = Engine::create(options_, {.blocking = runtime_.blocking(),
                                                  .metrics = metrics_,
                                                  .store = store_,
                                                  .blobs = blobs_,
                                                  .library = fake_.library(),
                                                  .quarantine = *quarantine_});
            WAVS_ASSERT(made.has_value());
            engine_ = std::move(made.value());
        }
        return *engine_;
    }
    template <typename T>
    T wait(async::Task<T> task) {
        return rt::testing::wait(context_, std::move(task));
    }
    ServiceSnapshot service() { return snapshot_of(service_with(component_of_digest(digest_))); }
    ServiceSnapshot submitting_service() {
        return snapshot_of(
            service_with(component_of_digest(digest_),
                         types::SubmitAggregator{.component = component_of_digest(digest_),
                                                 .signature_kind = types::kEvmSignatureKind}));
    }
    base::Result<OperatorOutcome> run(const ServiceSnapshot& of) {
        return wait(async::as_task(engine().run_operator(operator_job(of))));
    }

    TempDir dir_;
    rt::testing::FakeLibrary fake_;
    async::Runtime runtime_{{.io_threads = 1, .blocking_threads = 2}};
    boost::asio::io_context context_;
    telemetry::Metrics metrics_;
    storage::MemoryStore store_;
    storage::BlobStore blobs_{dir_.path() / "ca"};
    Options options_;
    base::SystemClock clock_;
    std::unique_ptr<Quarantine> quarantine_ =
        Quarantine::open(dir_.path() / "strikes", clock_, metrics_).value();
    types::ComponentDigest digest_;
    std::unique_ptr<Engine> engine_;
};

}  // namespace wavs::engine
