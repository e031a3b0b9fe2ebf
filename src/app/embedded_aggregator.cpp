// SPDX-License-Identifier: Apache-2.0
#include "embedded_aggregator.hpp"

#include "wavs/base/embed.hpp"

// NOLINTNEXTLINE(readability-identifier-naming): a symbol of the assembler
WAVS_EMBED(wavs_embedded_aggregator, WAVS_EMBEDDED_AGGREGATOR)

namespace wavs::app {

std::shared_ptr<const base::Bytes> embedded_aggregator() {
    return std::make_shared<const base::Bytes>(
        static_cast<const unsigned char*>(wavs_embedded_aggregator),
        static_cast<const unsigned char*>(wavs_embedded_aggregator_end));
}

}  // namespace wavs::app
