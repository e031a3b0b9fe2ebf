// SPDX-License-Identifier: Apache-2.0
// Any bytes as each kind of stored record: what is accepted must survive being written again.
#include "wavs/base/assert.hpp"
#include "wavs/types/records.hpp"

namespace wavs::types {
namespace {

template <typename Record>
void check(base::ByteView data, base::Result<Record> (*decode)(base::ByteView)) {
    const auto record = decode(data);
    if (!record.has_value()) {
        return;
    }
    const auto again = decode(encode(record.value()));
    WAVS_ASSERT(again.has_value());
    WAVS_ASSERT(again.value() == record.value());
}

}  // namespace
}  // namespace wavs::types

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace wavs::types;
    const wavs::base::ByteView view(data, size);
    check(view, &decode_event_record);
    check(view, &decode_result_record);
    check(view, &decode_queue_record);
    check(view, &decode_queue_envelope);
    check(view, &decode_queue_signature);
    check(view, &decode_timer_record);
    check(view, &decode_transaction_record);
    check(view, &decode_trigger_action);
    check(view, &decode_submission);
    return 0;
}
