// SPDX-License-Identifier: Apache-2.0
// Answers each occurrence of a cron trigger with "cron-interval data". The id of the answer is the
// scheduled second, so that every occurrence is seen on chain.

#include "wavs/operator.hpp"

namespace {

constexpr std::uint64_t kNanosPerSecond = 1'000'000'000;

}  // namespace

wavs::Result<std::vector<wavs::Response>> wavs::on_trigger(const TriggerAction& action) {
    if (action.data.tag != WAVS_TYPES_EVENTS_TRIGGER_DATA_CRON) {
        return Error("this component answers cron triggers only");
    }
    const auto nanos = action.data.val.cron.trigger_time.nanos;
    if (nanos % kNanosPerSecond != 0) {
        return Error("the trigger time " + std::to_string(nanos) + " is not a whole second");
    }
    return std::vector{Response{
        .payload = encode_payload(nanos / kNanosPerSecond, bytes_of("cron-interval data"))}};
}
