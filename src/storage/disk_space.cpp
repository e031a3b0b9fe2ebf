// SPDX-License-Identifier: Apache-2.0
#include "wavs/storage/disk_space.hpp"

namespace wavs::storage {

void DiskSpace::refresh() {
    std::error_code error;
    const auto space = std::filesystem::space(directory_, error);
    if (error) {
        return;  // a disk that does not answer shows at the next commit
    }
    free_.store(space.available, std::memory_order_relaxed);
    low_.store(space.available < watermark(), std::memory_order_relaxed);
}

}  // namespace wavs::storage
