// SPDX-License-Identifier: Apache-2.0
#include "fake_state.hpp"

#include <cstdlib>
#include <cstring>

namespace wavs::rt::testing {
namespace {

thread_local const RunRequest* t_running = nullptr;

}  // namespace

const RunRequest* fake_running() { return t_running; }

wavs_rt_buf fake_buf_copy(wavs_rt_slice bytes) {
    if (bytes.len == 0) {
        return {};
    }
    auto* data = static_cast<std::uint8_t*>(std::malloc(bytes.len));
    std::memcpy(data, bytes.data, bytes.len);
    return {data, bytes.len, bytes.len};
}

void fake_buf_release(wavs_rt_buf buf) { std::free(buf.data); }

FakeLibrary::Impl::Impl(unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
        threads.emplace_back([this] { work_loop(); });
    }
}

bool FakeLibrary::Impl::submit(std::function<void()> work) {
    const std::lock_guard lock(mutex);
    if (stopped) {
        return false;
    }
    queue.push_back(std::move(work));
    changed.notify_all();
    return true;
}

void FakeLibrary::Impl::work_loop() {
    std::unique_lock lock(mutex);
    while (true) {
        changed.wait(lock, [this] { return ending || !queue.empty(); });
        if (queue.empty()) {
            return;
        }
        auto work = std::move(queue.front());
        queue.pop_front();
        ++busy;
        lock.unlock();
        work();
        lock.lock();
        --busy;
        changed.notify_all();
    }
}

void FakeLibrary::Impl::wait_idle(std::chrono::milliseconds grace) {
    std::unique_lock lock(mutex);
    stopped = true;
    const auto idle = [this] { return queue.empty() && busy == 0; };
    if (!changed.wait_for(lock, grace, idle)) {
        for (const auto& [number, call] : calls) {
            call->cancelled = true;
        }
        changed.wait(lock, idle);
    }
}

void FakeLibrary::Impl::join() {
    {
        const std::lock_guard lock(mutex);
        ending = true;
    }
    changed.notify_all();
    for (auto& thread : threads) {
        thread.join();
    }
}

std::uint64_t FakeLibrary::Impl::remember(const std::shared_ptr<FakeGuest::Call>& call) {
    const std::lock_guard lock(mutex);
    ++runs;
    calls.emplace(next_number, call);
    return next_number++;
}

bool FakeLibrary::Impl::cancel(std::uint64_t number) {
    const std::lock_guard lock(mutex);
    ++cancels;
    const auto found = calls.find(number);
    if (found == calls.end()) {
        return false;
    }
    found->second->cancelled = true;
    return true;
}

void FakeLibrary::Impl::load(const FakeLoad& load, wavs_rt_load_cb done, void* user) {
    FakeAnswer answer;
    auto source = LoadSource::Memory;
    bool in_memory = false;
    {
        const std::lock_guard lock(mutex);
        ++loads;
        in_memory = loaded.contains({load.digest, load.world});
    }
    if (!in_memory) {
        source = LoadSource::Compiled;
        if (load.wasm.empty()) {
            answer = {.status = FakeStatus::NotFound, .message = "no cache holds the component"};
        } else if (load_handler) {
            answer = load_handler(load.world, load.wasm);
        }
    }
    if (answer.status == FakeStatus::Ok) {
        const std::lock_guard lock(mutex);
        loaded.emplace(load.digest, load.world);
        if (load.pin) {
            pins.insert(load.digest);
        }
    }
    complete_load(answer, source, done, user);
}

void FakeLibrary::Impl::run(const FakeGuest::Call& call, std::uint64_t number, wavs_rt_run_cb done,
                            void* user) {
    FakeAnswer answer;
    bool in_memory = false;
    {
        const std::lock_guard lock(mutex);
        in_memory = loaded.contains({call.request.digest, world_of(call.request.entry)});
    }
    if (!in_memory) {
        answer = {.status = FakeStatus::NotFound, .message = "no cache holds the component"};
    } else if (run_handler) {
        t_running = &call.request;
        answer = run_handler(FakeGuest(call));
        t_running = nullptr;
    }
    if (call.cancelled) {
        answer = {.status = FakeStatus::Cancelled, .message = "cancelled"};
    }
    {
        const std::lock_guard lock(mutex);
        calls.erase(number);
    }
    complete_run(answer, done, user);
}

void FakeLibrary::Impl::complete_load(const FakeAnswer& answer, LoadSource source,
                                      wavs_rt_load_cb done, void* user) const {
    wavs_rt_load_result result{};
    result.status = static_cast<std::uint32_t>(answer.status);
    result.source = static_cast<std::uint32_t>(source);
    result.flags = selects ? WAVS_RT_LOADED_SELECTS : 0;
    result.wall_ns = static_cast<std::uint64_t>(answer.wall.count());
    result.imports = fake_buf_copy(slice_of(answer.output));
    result.message = fake_buf_copy(slice_of(answer.message));
    done(user, &result);
}

void FakeLibrary::Impl::complete_run(const FakeAnswer& answer, wavs_rt_run_cb done,
                                     void* user) const {
    wavs_rt_run_result result{};
    result.status = static_cast<std::uint32_t>(answer.status);
    result.fuel_used = answer.fuel_used;
    result.wall_ns = static_cast<std::uint64_t>(answer.wall.count());
    result.output = fake_buf_copy(slice_of(answer.output));
    result.message = fake_buf_copy(slice_of(answer.message));
    done(user, &result);
}

}  // namespace wavs::rt::testing
