// SPDX-License-Identifier: Apache-2.0
// Counts the heights of a block interval in the key-value store and answers with the trigger, the
// height and the count in JSON. Without a first block the first answer is none.

#include "wavs/keyvalue.hpp"
#include "wavs/operator.hpp"

namespace {

// Under which the handler keeps the newest answer.
constexpr std::uint64_t kTriggerId = 1337;

template <typename Bound>
std::string number_or_null(const Bound& bound) {
    return bound.is_some ? std::to_string(bound.val) : "null";
}

wavs::Result<std::int64_t> count_call() {
    const auto bucket = wavs::keyvalue::Bucket::open("foo");
    if (!bucket) {
        return wavs::Error(bucket.error());
    }
    return bucket->increment("bar", 1);
}

}  // namespace

wavs::Result<std::vector<wavs::Response>> wavs::on_trigger(const TriggerAction& action) {
    if (action.config.trigger.tag != WAVS_TYPES_SERVICE_TRIGGER_BLOCK_INTERVAL ||
        action.data.tag != WAVS_TYPES_EVENTS_TRIGGER_DATA_BLOCK_INTERVAL) {
        return Error("Invalid trigger config or data");
    }
    const auto count = count_call();
    if (!count) {
        return Error(count.error());
    }
    const auto& config = action.config.trigger.val.block_interval;
    if (*count == 1 && !config.start_block.is_some) {
        return std::vector<Response>();
    }
    const auto answer = R"({"trigger_config_start":)" + number_or_null(config.start_block) +
                        R"(,"trigger_config_end":)" + number_or_null(config.end_block) +
                        R"(,"trigger_config_interval":)" + std::to_string(config.n_blocks) +
                        R"(,"trigger_data_block_height":)" +
                        std::to_string(action.data.val.block_interval.block_height) +
                        R"(,"count":)" + std::to_string(*count) + "}";
    return std::vector{Response{.payload = encode_payload(kTriggerId, bytes_of(answer))}};
}
