// SPDX-License-Identifier: Apache-2.0
// Trigger data from any JSON: its binary form does not depend on how the JSON was written, and the
// cron reader and the address readers survive the same bytes.
#include "wavs/base/assert.hpp"
#include "wavs/base/bytes.hpp"
#include "wavs/types/b2.hpp"
#include "wavs/types/cron.hpp"
#include "wavs/types/event_id.hpp"
#include "wavs/types/json.hpp"

namespace wavs::types {
namespace {

void check_data(std::string_view text) {
    const auto document = json::Document::parse(text);
    if (!document.has_value()) {
        return;
    }
    const auto data = read_trigger_data(document.value().root());
    if (!data.has_value()) {
        return;
    }
    const std::string canonical = to_json(data.value());
    const auto again = json::Document::parse(canonical);
    WAVS_ASSERT(again.has_value());
    const auto reread = read_trigger_data(again.value().root());
    WAVS_ASSERT(reread.has_value());
    WAVS_ASSERT(b2_encode(reread.value()) == b2_encode(data.value()));
    WAVS_ASSERT(default_salt(reread.value()) == default_salt(data.value()));
}

void check_schedule(std::string_view text) {
    const auto schedule = CronSchedule::parse(text);
    if (!schedule.has_value()) {
        return;
    }
    // A leap day at noon, so that month and year have an end behind it.
    constexpr base::WallTime kStart{1'709'208'000'000'000'000ULL};
    const auto next = schedule.value().next_after(kStart);
    if (next) {
        const base::WallTime before{next->nanos - 1};
        WAVS_ASSERT(*next > kStart);
        WAVS_ASSERT(schedule.value().count(kStart, before) == 0);
        WAVS_ASSERT(schedule.value().count(before, *next) == 1);
    }
}

void check_texts(std::string_view text) {
    check_schedule(text);
    const auto address = CosmosAddress::parse(text);
    if (address.has_value()) {
        const auto made = CosmosAddress::make(address.value().prefix(), address.value().payload());
        WAVS_ASSERT(made.has_value());
        WAVS_ASSERT(made.value() == address.value());
    }
    const auto chain = ChainKey::parse(text);
    if (chain.has_value()) {
        WAVS_ASSERT(chain.value().ns().size() + chain.value().id().size() + 1 == text.size());
    }
    (void)WorkflowId::parse(text);
}

}  // namespace
}  // namespace wavs::types

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = wavs::base::as_text({data, size});
    wavs::types::check_data(text);
    wavs::types::check_texts(text);
    return 0;
}
