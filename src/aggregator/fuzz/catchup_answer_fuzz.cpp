// SPDX-License-Identifier: Apache-2.0
// What a peer answers to the question what was missed: nothing it sends ends the process.
#include "wavs/aggregator/admission.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace wavs;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto content = aggregator::read_catchup_answer(text);
    if (content.has_value()) {
        // What was read is written in the exact form, and read again the same.
        for (const auto& one : content.value().submissions) {
            const auto again = types::parse_submission(types::to_json(one));
            if (!again.has_value() || !(again.value() == one)) {
                std::abort();
            }
        }
    }
    return 0;
}
