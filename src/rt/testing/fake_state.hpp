// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "library.hpp"
#include "wavs/rt/testing/fake_library.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <thread>

namespace wavs::rt::testing {

wavs_rt_buf fake_buf_copy(wavs_rt_slice bytes);
void fake_buf_release(wavs_rt_buf buf);

struct FakeGuest::Call {
    static Call from(const wavs_rt_run_request& request, const wavs_rt_callbacks& callbacks);
    Call(RunRequest run, bool with_service, const wavs_rt_callbacks& host)
        : request(std::move(run)), has_service(with_service), callbacks(host) {}
    Call(Call&& other) noexcept
        : request(std::move(other.request)),
          has_service(other.has_service),
          callbacks(other.callbacks) {}

    wavs_rt_origin origin() const;

    RunRequest request;
    bool has_service;
    wavs_rt_callbacks callbacks;
    std::atomic<bool> cancelled{false};
};

/// What the calling thread runs; null: nothing.
const RunRequest* fake_running();

struct FakeLoad {
    World world;
    bool pin;
    Hash digest;
    base::Bytes wasm;
};

struct FakeLibrary::Impl {
    explicit Impl(unsigned threads);

    bool submit(std::function<void()> work);
    void work_loop();
    /// Cancels what still runs after `grace`, waits for it, refuses what comes.
    void wait_idle(std::chrono::milliseconds grace);
    void join();

    std::uint64_t remember(const std::shared_ptr<FakeGuest::Call>& call);
    bool cancel(std::uint64_t number);
    void load(const FakeLoad& load, wavs_rt_load_cb done, void* user);
    void run(const FakeGuest::Call& call, std::uint64_t number, wavs_rt_run_cb done, void* user);
    void complete_load(const FakeAnswer& answer, LoadSource source, wavs_rt_load_cb done,
                       void* user) const;
    void complete_run(const FakeAnswer& answer, wavs_rt_run_cb done, void* user) const;

    mutable std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::function<void()>> queue;
    std::size_t busy = 0;
    bool stopped = false;
    bool ending = false;
    std::vector<std::thread> threads;

    RunHandler run_handler;
    LoadHandler load_handler;
    std::atomic<bool> selects{false};
    std::uint32_t abi = WAVS_RT_ABI_VERSION;
    std::string service_refusal;

    wavs_rt_callbacks callbacks{};
    std::optional<EngineOptions> options;
    std::optional<NetworkRules> network;
    std::vector<base::Bytes> services;
    std::set<std::pair<Hash, World>> loaded;
    std::set<Hash> pins;
    std::map<std::uint64_t, std::shared_ptr<FakeGuest::Call>> calls;
    std::uint64_t next_number = 1;
    std::size_t loads = 0;
    std::size_t runs = 0;
    std::size_t cancels = 0;
};

}  // namespace wavs::rt::testing
