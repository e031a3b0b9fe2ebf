// SPDX-License-Identifier: Apache-2.0
// Gives back what the trigger carried. Some texts and configuration values make it do more, so that
// environment, configuration, event ids, several responses and time limits can be seen from
// outside.

#include <ctime>

#include "wavs/operator.hpp"

namespace {

constexpr std::uint64_t kNanosPerMilli = 1'000'000;

wavs::Result<void> sleep_for(std::string_view kind, std::uint64_t millis) {
    if (kind == "async") {
        const auto pollable =
            wasi_clocks_monotonic_clock_subscribe_duration(millis * kNanosPerMilli);
        wasi_io_poll_method_pollable_block(wasi_io_poll_borrow_pollable(pollable));
        return {};
    }
    if (kind == "sync") {
        const timespec time{.tv_sec = static_cast<time_t>(millis / 1000),
                            .tv_nsec = static_cast<long>(millis % 1000 * kNanosPerMilli)};
        nanosleep(&time, nullptr);
        return {};
    }
    if (kind == "hotloop") {
        const auto start = wasi_clocks_monotonic_clock_now();
        while (wasi_clocks_monotonic_clock_now() - start < millis * kNanosPerMilli) {
        }
        return {};
    }
    return wavs::Error("unknown sleep-kind: " + std::string(kind));
}

wavs::Result<void> configured_sleep() {
    const auto text = wavs::host::config("sleep-ms");
    if (!text) {
        return {};
    }
    const auto millis = wavs::parse_u64(*text);
    if (!millis) {
        return wavs::Error("sleep-ms is not a number");
    }
    return sleep_for(wavs::host::config("sleep-kind").value_or(""), *millis);
}

/// An empty response whose salt is a configuration value; without that value the guest traps.
wavs::Response salted(std::string_view key) {
    const auto salt = wavs::host::config(key);
    if (!salt) {
        __builtin_trap();
    }
    const auto bytes = wavs::bytes_of(*salt);
    return {.event_id_salt = wavs::Bytes(bytes.begin(), bytes.end())};
}

std::string after(std::string_view text, std::string_view marker) {
    return std::string(text.substr(text.find(marker) + marker.size()));
}

/// The bytes to give back: the request's own, or the value it asks for.
wavs::Result<wavs::Bytes> reply(const wavs::Request& request) {
    const auto text = wavs::text_of(request.data);
    std::optional<std::string> value;
    if (text.contains("envvar:")) {
        const auto name = after(text, "envvar:");
        value = wavs::host::env(name);
        if (!value) {
            return wavs::Error("env var " + name + " not found");
        }
    } else if (text.contains("configvar:")) {
        const auto key = after(text, "configvar:");
        value = wavs::host::config(key);
        if (!value) {
            return wavs::Error("config var " + key + " not found");
        }
    }
    if (!value) {
        return request.data;
    }
    const auto bytes = wavs::bytes_of(*value);
    return wavs::Bytes(bytes.begin(), bytes.end());
}

}  // namespace

wavs::Result<std::vector<wavs::Response>> wavs::on_trigger(const TriggerAction& action) {
    if (auto slept = configured_sleep(); !slept) {
        return Error(slept.error());
    }
    if (host::all_zero(event_id())) {
        return Error("event id is all zeros");
    }
    const auto request = decode_request(action);
    if (!request) {
        return Error(request.error());
    }
    const auto text = text_of(request->data);
    if (text == "custom-event-id") {
        return std::vector{salted("event-id-salt")};
    }
    if (text == "multi-response") {
        return std::vector{salted("event-id-salt-1"), salted("event-id-salt-2")};
    }
    if (text == "multi-response-bad") {
        return std::vector{salted("event-id-salt-1"), Response{}};
    }
    auto data = reply(*request);
    if (!data) {
        return Error(data.error());
    }
    if (!request->is_raw) {
        data = encode_payload(request->trigger_id, *data);
    }
    return std::vector{Response{.payload = *std::move(data)}};
}
