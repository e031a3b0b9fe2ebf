// SPDX-License-Identifier: Apache-2.0
#include "wavs/base/assert.hpp"

#include <execinfo.h>

#include <array>
#include <cstdio>
#include <cstdlib>

namespace wavs::base {

void assertion_failed(const char* expression, const char* file, int line) {
    std::fprintf(stderr, "assertion failed: %s (%s:%d)\n", expression, file, line);
    std::array<void*, 64> frames{};
    const int count = backtrace(frames.data(), static_cast<int>(frames.size()));
    backtrace_symbols_fd(frames.data(), count, 2);
    std::abort();
}

}  // namespace wavs::base
