// SPDX-License-Identifier: Apache-2.0
#include "wavs/cli/embedded.hpp"

#include <algorithm>

namespace wavs::cli {

base::Result<base::ByteView> embedded_component(std::string_view name) {
    const auto same = [](char a, char b) { return (a == '-' ? '_' : a) == (b == '-' ? '_' : b); };
    for (const auto& component : embedded_components()) {
        if (std::equal(name.begin(), name.end(), component.name.begin(), component.name.end(),
                       same)) {
            return component.bytes;
        }
    }
    return base::Error(base::ErrorKind::NotFound, "component_not_embedded",
                       fmt::format("this wavs-cli carries no component {}", name),
                       "build it with the example components in place: make components, make");
}

}  // namespace wavs::cli
