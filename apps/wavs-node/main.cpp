// SPDX-License-Identifier: Apache-2.0
#include "wavs/app/run.hpp"

/// Read by jemalloc at start: memory that is free goes back to the system also while nothing
/// happens, and few threads need few arenas.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "background_thread:true,dirty_decay_ms:2000,muzzy_decay_ms:0,narenas:4";
}

int main(int argc, char** argv) { return wavs::app::run_node(argc, argv); }
