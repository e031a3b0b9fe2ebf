// SPDX-License-Identifier: Apache-2.0
#include "wavs/base/fault.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <thread>

namespace wavs::base {
namespace {

constexpr std::array<std::string_view, kFaultPoints> kNames = {
    "after_accept", "after_run", "after_sign", "before_send", "after_send", "after_receipt",
    "commit",       "source",    "batches",    "worker",      "follow",     "host_call"};

Error bad_fault(std::string_view text) {
    return {ErrorKind::Invalid, "fault_text",
            fmt::format("WAVS_FAULT: '{}' is not <point>:<n>:<kill|abort|delay|error>", text),
            fmt::format("the points are {}", fmt::join(kNames, ", "))};
}

bool read_number(std::string_view text, std::uint64_t& out) {
    const auto* end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, out);
    return result.ec == std::errc() && result.ptr == end;
}

std::optional<Fault> read_action(std::string_view text) {
    Fault fault;
    if (text == "kill") {
        fault.action = Fault::Action::Kill;
    } else if (text == "abort") {
        fault.action = Fault::Action::Abort;
    } else if (text == "error") {
        fault.action = Fault::Action::Error;
    } else if (text.starts_with("delay")) {
        fault.action = Fault::Action::Delay;
        std::uint64_t milliseconds = 0;
        if (text.starts_with("delay=") && read_number(text.substr(6), milliseconds)) {
            fault.delay = std::chrono::milliseconds(milliseconds);
        } else if (text != "delay") {
            return std::nullopt;
        }
    } else {
        return std::nullopt;
    }
    return fault;
}

}  // namespace

std::string_view to_string(FaultPoint point) { return kNames.at(static_cast<std::size_t>(point)); }

Faults& Faults::instance() {
    static Faults faults;
    return faults;
}

Result<void> Faults::arm_one(std::string_view text) {
    const auto first = text.find(':');
    const auto second = first == std::string_view::npos ? first : text.find(':', first + 1);
    if (second == std::string_view::npos) {
        return bad_fault(text);
    }
    const auto point = std::find(kNames.begin(), kNames.end(), text.substr(0, first));
    auto count = text.substr(first + 1, second - first - 1);
    const bool always = count.ends_with('+');
    count.remove_suffix(always ? 1 : 0);
    std::uint64_t number = 0;
    const auto fault = read_action(text.substr(second + 1));
    if (point == kNames.end() || !read_number(count, number) || number == 0 || !fault) {
        return bad_fault(text);
    }
    auto& place = places_.at(static_cast<std::size_t>(point - kNames.begin()));
    place.first = number;
    place.always = always;
    place.fault = *fault;
    place.passed = 0;
    armed_.store(true, std::memory_order_relaxed);
    return ok();
}

Result<void> Faults::arm(std::string_view text) {
    while (!text.empty()) {
        const auto comma = std::min(text.find(','), text.size());
        WAVS_TRY(arm_one(text.substr(0, comma)));
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return ok();
}

void Faults::disarm() {
    armed_.store(false, std::memory_order_relaxed);
    for (auto& place : places_) {
        place.first = 0;
        place.passed = 0;
    }
}

std::optional<Fault> Faults::pass(FaultPoint point) {
    auto& place = places_.at(static_cast<std::size_t>(point));
    if (place.first == 0) {
        return std::nullopt;
    }
    const auto number = place.passed.fetch_add(1) + 1;
    if (number < place.first || (number > place.first && !place.always)) {
        return std::nullopt;
    }
    if (place.fault.action == Fault::Action::Kill) {
        (void)std::raise(SIGKILL);
    }
    if (place.fault.action == Fault::Action::Abort) {
        (void)std::raise(SIGABRT);
    }
    return place.fault;
}

Error fault_error(FaultPoint point) {
    return {ErrorKind::Unavailable, "fault_injected",
            fmt::format("the fault asked for at {}", to_string(point)), "start without WAVS_FAULT"};
}

Result<void> blocking_fault(FaultPoint point) {
    if (!Faults::armed()) {
        return ok();
    }
    const auto fault = Faults::instance().pass(point);
    if (!fault) {
        return ok();
    }
    if (fault->action == Fault::Action::Error) {
        return fault_error(point);
    }
    std::this_thread::sleep_for(fault->delay);
    return ok();
}

}  // namespace wavs::base
