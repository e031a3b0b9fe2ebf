// SPDX-License-Identifier: Apache-2.0
#include "load.hpp"

#include "bench.hpp"
#include "client.hpp"

namespace wavs::bench {
namespace {

std::atomic<std::uint64_t> next_event{1};

}  // namespace

Load::Load(types::TriggerConfig config, Fire fire)
    : config_(std::move(config)), fire_(std::move(fire)) {}

void Load::start(unsigned clients) {
    stopping_ = false;
    running_ = clients;
    for (unsigned i = 0; i < clients; ++i) {
        async::start(client(), [this](const auto& end) {
            if (!end.value || !end.value->has_value()) {
                const std::lock_guard lock(mutex_);
                failure_ = end.value ? end.value->error() : async::cancelled_error("client");
            }
            --running_;
        });
    }
}

Load::~Load() {
    try {
        wait_for_clients();
    } catch (const std::exception& error) {
        note(error.what());
    }
}

void Load::wait_for_clients() {
    stopping_ = true;
    wait_until("the last answers", [this] { return !running(); });
}

void Load::stop() {
    wait_for_clients();
    const std::lock_guard lock(mutex_);
    if (failure_) {
        throw std::runtime_error(failure_->full_text());
    }
}

void Load::begin_window() {
    const std::lock_guard lock(mutex_);
    latencies_.clear();
    recording_ = true;
}

std::vector<double> Load::end_window() {
    const std::lock_guard lock(mutex_);
    recording_ = false;
    return std::move(latencies_);
}

async::Flow<base::Result<void>> Load::client() {
    while (!stopping_) {
        auto action = action_of(config_, next_event.fetch_add(1));
        const auto start = std::chrono::steady_clock::now();
        WAVS_CO_TRY(co_await fire_(std::move(action)));
        const auto latency = micros_between(start, std::chrono::steady_clock::now());
        completed_.fetch_add(1);
        if (recording_) {
            const std::lock_guard lock(mutex_);
            latencies_.push_back(latency);
        }
    }
    co_return base::ok();
}

}  // namespace wavs::bench
