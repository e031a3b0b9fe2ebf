// SPDX-License-Identifier: Apache-2.0
#include "wavs/p2p/network.hpp"

#include <fmt/format.h>

namespace wavs::p2p {

std::string topic_name(const types::ServiceId& service) {
    return fmt::format("wavs/{}/topic/v1", types::to_string(service));
}

}  // namespace wavs::p2p
