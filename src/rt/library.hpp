// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/rt/engine.hpp"

#include <wavs_rt.h>

namespace wavs::rt {

/// The C interface as a table, so that a fake can stand in for the archive. One entry per function
/// of wavs_rt.h, without the prefix.
struct Library {
    decltype(&::wavs_rt_abi_version) abi_version;
    decltype(&::wavs_rt_buf_copy) buf_copy;
    decltype(&::wavs_rt_buf_release) buf_release;
    decltype(&::wavs_rt_engine_new) engine_new;
    decltype(&::wavs_rt_engine_shutdown) engine_shutdown;
    decltype(&::wavs_rt_engine_free) engine_free;
    decltype(&::wavs_rt_engine_stats) engine_stats;
    decltype(&::wavs_rt_engine_set_network) engine_set_network;
    decltype(&::wavs_rt_component_load) component_load;
    decltype(&::wavs_rt_component_evict) component_evict;
    decltype(&::wavs_rt_service_new) service_new;
    decltype(&::wavs_rt_service_free) service_free;
    decltype(&::wavs_rt_run) run;
    decltype(&::wavs_rt_run_cancel) run_cancel;
    decltype(&::wavs_rt_replay) replay;
    decltype(&::wavs_rt_record_info) record_info;
    decltype(&::wavs_rt_records_difference) records_difference;
    decltype(&::wavs_rt_current_guest) current_guest;
};

inline wavs_rt_slice slice_of(base::ByteView bytes) { return {bytes.data(), bytes.size()}; }
inline wavs_rt_slice slice_of(std::string_view text) { return slice_of(base::as_bytes(text)); }
inline base::ByteView view_of(const wavs_rt_slice& slice) { return {slice.data, slice.len}; }
inline base::ByteView view_of(const wavs_rt_buf& buf) { return {buf.data, buf.len}; }

/// Copies a buffer of the library and gives it back; `Table` is one of the tables of functions.
template <typename Table>
base::Bytes take(const Table& library, const wavs_rt_buf& buf) {
    base::Bytes out = base::to_bytes(view_of(buf));
    library.buf_release(buf);
    return out;
}

/// What the completion callbacks and host calls of one engine share.
struct EngineHandle {
    const Library& library;
    HostCalls& host;
    wavs_rt_engine* engine = nullptr;
};

struct ServiceHandle {
    const Library& library;
    wavs_rt_service* service = nullptr;
};

/// Host calls as the library wants them; `user` is the `EngineHandle`.
wavs_rt_callbacks make_callbacks(EngineHandle& handle);

}  // namespace wavs::rt
