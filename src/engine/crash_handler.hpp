// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/result.hpp"
#include "wavs/rt/engine.hpp"

namespace wavs::engine {

/// From now on a fatal signal (SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT) of a thread that is in a
/// guest of `library` first writes one `StrikeLine` to `file`; then the process ends as it would
/// have. The handlers are installed at the first call and stay, one file at a time. Call it before
/// the guest engine is made: that one takes what are traps of guests and passes on the rest.
base::Result<void> note_crashes(int file, const rt::Library& library);
/// Nothing is written to `file` any more.
void stop_noting_crashes(int file);

}  // namespace wavs::engine
