// SPDX-License-Identifier: Apache-2.0
#include "floor.hpp"

#include "client.hpp"
#include "flat.hpp"
#include "wavs/cli/embedded.hpp"
#include "wavs/crypto/keyring.hpp"
#include "wavs/hash/hash.hpp"
#include "wavs/types/envelope.hpp"
#include "wavs/types/event_id.hpp"

#include <wavs_rt.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <latch>
#include <limits>
#include <optional>
#include <thread>

namespace wavs::bench {
namespace {

constexpr std::string_view kKey =
    "0x1111111111111111111111111111111111111111111111111111111111111111";
// Per guest thread, so that a thread never waits for a lane that another one holds.
constexpr unsigned kLanesPerThread = 4;

template <typename Bytes>
wavs_rt_slice slice_of(const Bytes& bytes) {
    return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

std::string text_of(wavs_rt_buf buffer) {
    std::string text(reinterpret_cast<const char*>(buffer.data), buffer.len);
    wavs_rt_buf_release(buffer);
    return text;
}

void on_loaded(void* user, wavs_rt_load_result* result) {
    wavs_rt_buf_release(result->imports);
    static_cast<std::promise<std::string>*>(user)->set_value(text_of(result->message));
}

using Digest = std::array<std::uint8_t, 32>;

Digest load(wavs_rt_engine* engine, std::string_view name, wavs_rt_world world) {
    const auto wasm = must(cli::embedded_component(name));
    const Digest digest = hash::sha256(wasm);
    wavs_rt_load_request request{};
    request.world = static_cast<std::uint32_t>(world);
    request.flags = WAVS_RT_LOAD_PIN;
    std::copy(digest.begin(), digest.end(), request.digest);
    request.wasm = slice_of(wasm);
    std::promise<std::string> done;
    wavs_rt_component_load(engine, &request, on_loaded, &done);
    if (const auto message = done.get_future().get(); !message.empty()) {
        throw std::runtime_error(fmt::format("component {}: {}", name, message));
    }
    return digest;
}

}  // namespace

struct Floor::Impl {
    // One event after another; a lane is touched by one thread at a time.
    struct Lane {
        Impl* floor;
        types::TriggerAction action;
        base::Bytes input;
    };

    void start_operator(Lane& lane);
    void run(Lane& lane);
    void end_event(Lane& lane);
    static void on_ran(void* user, wavs_rt_run_result* result);
    void sign(Lane& lane, base::ByteView output);

    wavs_rt_engine* engine = nullptr;
    Digest echo{};
    types::TriggerConfig config;
    crypto::EvmSigner signer{must(crypto::SecretKey::from_hex(kKey))};
    std::vector<Lane> lanes;
    std::atomic<std::uint64_t> number{0};
    std::atomic<std::uint64_t> done{0};
    std::atomic<bool> stopping{false};
    std::atomic<bool> failed{false};
    std::optional<std::latch> ended;
};

void Floor::Impl::run(Lane& lane) {
    static constexpr std::string_view kWorkflow = "default";
    wavs_rt_run_request request{};
    request.export_ = static_cast<std::uint32_t>(WAVS_RT_EXPORT_RUN);
    std::copy(echo.begin(), echo.end(), request.digest);
    // Any but zero.
    std::fill(std::begin(request.event_id), std::end(request.event_id), std::uint8_t{1});
    request.workflow_id = slice_of(kWorkflow);
    request.input = slice_of(lane.input);
    request.fuel = std::numeric_limits<std::uint64_t>::max();
    request.time_ms = 300'000;
    wavs_rt_run(engine, &request, on_ran, &lane);
}

void Floor::Impl::start_operator(Lane& lane) {
    lane.action = action_of(config, number.fetch_add(1));
    lane.input = engine::flat_trigger_action(lane.action);
    run(lane);
}

void Floor::Impl::end_event(Lane& lane) {
    done.fetch_add(1);
    if (stopping) {
        ended->count_down();
    } else {
        start_operator(lane);
    }
}

void Floor::Impl::sign(Lane& lane, base::ByteView output) {
    auto responses = engine::read_responses(output);
    if (!responses.has_value() || responses.value().size() != 1) {
        failed = true;
        stopping = true;
        return end_event(lane);
    }
    const auto& response = responses.value().front();
    const auto envelope = types::make_envelope(types::event_id_of(lane.action, response), response);
    const auto signature = signer.sign(envelope, types::kEvmSignatureKind);
    failed = failed || signature.data.empty();
    end_event(lane);
}

void Floor::Impl::on_ran(void* user, wavs_rt_run_result* result) {
    auto& lane = *static_cast<Lane*>(user);
    const base::Bytes output(result->output.data, result->output.data + result->output.len);
    wavs_rt_buf_release(result->output);
    wavs_rt_buf_release(result->message);
    lane.floor->sign(lane, output);
}

Floor::Floor(const std::filesystem::path& folder) : impl_(std::make_unique<Impl>()) {
    const auto cache = folder.string();
    wavs_rt_options options{};
    options.cache_dir = slice_of(cache);
    const wavs_rt_callbacks callbacks{};
    wavs_rt_error error{};
    impl_->engine = wavs_rt_engine_new(&options, &callbacks, &error);
    if (impl_->engine == nullptr) {
        throw std::runtime_error(text_of(error.message));
    }
    impl_->echo = load(impl_->engine, "echo", WAVS_RT_WORLD_OPERATOR);
    const auto lanes = kLanesPerThread * std::max(1U, std::thread::hardware_concurrency());
    impl_->lanes.resize(lanes, {.floor = impl_.get(), .action = {}, .input = {}});
}

Floor::~Floor() { wavs_rt_engine_free(impl_->engine); }

Floor::Rate Floor::measure(std::chrono::milliseconds window) {
    impl_->stopping = false;
    impl_->ended.emplace(static_cast<std::ptrdiff_t>(impl_->lanes.size()));
    for (auto& lane : impl_->lanes) {
        impl_->start_operator(lane);
    }
    // The first runs find cold caches.
    std::this_thread::sleep_for(window / 5);
    const auto before = impl_->done.load();
    const auto used_before = usage_of_this_process();
    const auto start = std::chrono::steady_clock::now();
    std::this_thread::sleep_for(window);
    const auto events = static_cast<double>(impl_->done.load() - before);
    const auto used = usage_of_this_process();
    const auto seconds = seconds_between(start, std::chrono::steady_clock::now());
    impl_->stopping = true;
    impl_->ended->wait();
    if (impl_->failed) {
        throw std::runtime_error("floor: the echo component did not answer");
    }
    return {events / seconds, (used.cpu_seconds - used_before.cpu_seconds) * 1e6 / events};
}

}  // namespace wavs::bench
