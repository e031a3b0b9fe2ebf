// SPDX-License-Identifier: Apache-2.0
#include "fleet.hpp"

#include "wavs/aggregator/admission.hpp"
#include "wavs/crypto/signature.hpp"
#include "wavs/types/event_id.hpp"

#include <fmt/format.h>
#include <secp256k1.h>
#include <secp256k1_recovery.h>

#include <thread>

namespace wavs::bench {
namespace {

using Clock = std::chrono::steady_clock;

// Enough of them that habits are known: who posts is then decided without waiting.
constexpr std::uint32_t kWarmUp = 20;
constexpr auto kPause = std::chrono::milliseconds(20);

double measure_quorum(Fleet& fleet, std::size_t operators, std::uint32_t event) {
    const auto signed_at = Clock::now();
    for (std::size_t i = 0; i < operators; ++i) {
        fleet.hand_over(i, event);
    }
    return micros_between(signed_at, fleet.wait_posted(event)) / 1'000;
}

// Events one after the other for the time of each; then all at once for how many there are.
void quorum(const Settings& settings, std::size_t operators, std::size_t threshold) {
    const auto name = fmt::format("quorum_{}", operators);
    Fleet fleet(fresh_folder(settings, name), operators, threshold);
    const std::uint32_t singles = 200;
    const std::uint32_t burst = 200;
    const std::uint32_t total = kWarmUp + settings.runs * (singles + burst);
    fleet.prepare(0, total);
    std::uint32_t event = 0;
    for (; event < kWarmUp; ++event) {
        measure_quorum(fleet, operators, event);
    }
    // Habits count some time after the first event.
    std::this_thread::sleep_for(std::chrono::seconds(3));
    std::vector<double> times;
    std::vector<double> rates;
    const auto before = fleet.posts();
    const auto cpu_before = usage_of_this_process().cpu_seconds;
    for (unsigned run = 0; run < settings.runs; ++run) {
        for (std::uint32_t i = 0; i < singles; ++i, ++event) {
            times.push_back(measure_quorum(fleet, operators, event));
            std::this_thread::sleep_for(kPause);
        }
    }
    const auto cpu = usage_of_this_process().cpu_seconds - cpu_before;
    const auto in_turn = fleet.posts() - before;
    for (unsigned run = 0; run < settings.runs; ++run) {
        const auto from = Clock::now();
        for (std::uint32_t i = 0; i < burst; ++i) {
            for (std::size_t one = 0; one < operators; ++one) {
                fleet.hand_over(one, event + i);
            }
        }
        for (std::uint32_t i = 0; i < burst; ++i) {
            fleet.wait_posted(event + i);
        }
        rates.push_back(burst / seconds_between(from, Clock::now()));
        event += burst;
    }
    Line(name)
        .add("p50_ms", percentile(times, 0.5), 2)
        .add("p99_ms", percentile(times, 0.99), 2)
        .add("posts_per_event", static_cast<double>(in_turn) / (settings.runs * singles), 3)
        .add("cpu_ms_per_event_and_operator",
             cpu * 1'000 / (settings.runs * singles) / static_cast<double>(operators), 2)
        .add("burst_per_s", median(std::move(rates)))
        .print();
}

struct Signed {
    types::Bytes32 digest;
    base::Bytes signature;
    std::string json;
    types::RegisteredServicePtr service;
};

Signed signed_submission() {
    const base::Bytes bytes(32, 5);
    const auto key = must(crypto::SecretKey::from_bytes(bytes));
    auto service = std::make_shared<types::RegisteredService>();
    service->service.manager = types::EvmManager{must(types::ChainKey::parse("evm:1")), {}};
    types::SubmitAggregator submit;
    submit.signature_kind = types::kEvmSignatureKind;
    service->service.workflows[types::WorkflowId()].submit = submit;
    service->service.workflows[types::WorkflowId()].trigger = types::ManualTrigger{};
    service->id = service->service.id();
    types::Submission submission;
    submission.trigger_action = {{service->id, types::WorkflowId(), types::ManualTrigger{}},
                                 types::RawData{{1, 2, 3}}};
    submission.operator_response.payload = base::Bytes(64, 7);
    submission.event_id = types::default_event_id(submission.trigger_action);
    submission.envelope = types::make_envelope(submission.event_id, submission.operator_response);
    submission.envelope_signature.kind = types::kEvmSignatureKind;
    const auto digest = types::signing_hash(submission.envelope, types::kEvmSignatureKind);
    submission.envelope_signature.data =
        base::to_bytes(crypto::sign_recoverable(digest, key).view());
    return {digest, submission.envelope_signature.data, types::to_json(submission), service};
}

template <typename Function>
double rate_of(const Settings& settings, const Function& function) {
    const auto from = Clock::now();
    std::uint64_t count = 0;
    while (Clock::now() - from < settings.window / 10) {
        for (int i = 0; i < 64; ++i, ++count) {
            function();
        }
    }
    return static_cast<double>(count) / seconds_between(from, Clock::now());
}

}  // namespace

void quorum_3(const Settings& settings) { quorum(settings, 3, 2); }
void quorum_10(const Settings& settings) { quorum(settings, 10, 7); }

void verify(const Settings& settings) {
    const auto one = signed_submission();
    auto* context = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    std::vector<double> ratios;
    std::vector<double> ours;
    std::vector<double> whole;
    for (unsigned run = 0; run < settings.runs; ++run) {
        // In turn, so that both see the same machine.
        const auto bare = rate_of(settings, [&] {
            secp256k1_ecdsa_recoverable_signature signature;
            secp256k1_pubkey key;
            if (secp256k1_ecdsa_recoverable_signature_parse_compact(
                    context, &signature, one.signature.data(), one.signature[64] - 27) != 1 ||
                secp256k1_ecdsa_recover(context, &key, &signature, one.digest.view().data()) != 1) {
                throw std::runtime_error("the signature is not read");
            }
        });
        ours.push_back(
            rate_of(settings, [&] { must(crypto::recover_address(one.digest, one.signature)); }));
        whole.push_back(rate_of(settings, [&] {
            const auto answer =
                aggregator::admit(one.json, one.service->id, {one.service, nullptr});
            if (!std::holds_alternative<aggregator::Admitted>(answer)) {
                throw std::runtime_error("an honest submission is refused");
            }
        }));
        ratios.push_back(bare / ours.back());
    }
    secp256k1_context_destroy(context);
    Line("verify")
        .add("per_s", median(std::move(ours)))
        .add("bare_over_ours", median(std::move(ratios)), 2)
        .add("whole_submissions_per_s", median(std::move(whole)))
        .print();
}

void queues_10000(const Settings& settings) {
    constexpr std::uint32_t kOpen = 9'000;
    constexpr std::uint32_t kMeasured = 100;
    Fleet fleet(fresh_folder(settings, "queues_10000"), 2, 2);
    fleet.prepare(0, kWarmUp + 2 * kMeasured + kOpen);
    std::uint32_t event = 0;
    for (; event < kWarmUp; ++event) {
        measure_quorum(fleet, 2, event);
    }
    std::this_thread::sleep_for(std::chrono::seconds(3));
    const auto times = [&] {
        std::vector<double> out;
        for (std::uint32_t i = 0; i < kMeasured; ++i, ++event) {
            out.push_back(measure_quorum(fleet, 2, event));
            std::this_thread::sleep_for(kPause);
        }
        return out;
    };
    auto alone = times();
    const auto before = usage_of_this_process();
    // One signature each: they wait for the other operator, on both.
    for (std::uint32_t i = 0; i < kOpen; ++i) {
        fleet.hand_over(0, kWarmUp + 2 * kMeasured + i);
    }
    wait_until("the open queues", [&] { return fleet.open_queues(0) >= kOpen; });
    auto among = times();
    const auto idle_from = usage_of_this_process();
    const auto since = Clock::now();
    std::this_thread::sleep_for(std::chrono::seconds(10));
    const auto after = usage_of_this_process();
    Line("queues_10000")
        .add("open", static_cast<double>(fleet.open_queues(0) + fleet.open_queues(1)))
        .add("p50_ms_alone", percentile(alone, 0.5), 2)
        .add("p50_ms_among", percentile(among, 0.5), 2)
        .add("p99_ms_among", percentile(among, 0.99), 2)
        .add("kb_per_queue",
             (after.rss_mb - before.rss_mb) * 1'024 /
                 static_cast<double>(fleet.open_queues(0) + fleet.open_queues(1)),
             2)
        .add("idle_cpu_percent",
             100 * (after.cpu_seconds - idle_from.cpu_seconds) /
                 seconds_between(since, Clock::now()),
             2)
        .print();
}

}  // namespace wavs::bench
