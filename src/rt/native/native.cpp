// SPDX-License-Identifier: Apache-2.0
#include "wavs/rt/native.hpp"

#include "library.hpp"
#include "peer_library.hpp"

namespace wavs::rt {

const Library& native_library() {
    static constexpr Library kLibrary = {.abi_version = ::wavs_rt_abi_version,
                                         .buf_copy = ::wavs_rt_buf_copy,
                                         .buf_release = ::wavs_rt_buf_release,
                                         .engine_new = ::wavs_rt_engine_new,
                                         .engine_shutdown = ::wavs_rt_engine_shutdown,
                                         .engine_free = ::wavs_rt_engine_free,
                                         .engine_stats = ::wavs_rt_engine_stats,
                                         .engine_set_network = ::wavs_rt_engine_set_network,
                                         .component_load = ::wavs_rt_component_load,
                                         .component_evict = ::wavs_rt_component_evict,
                                         .service_new = ::wavs_rt_service_new,
                                         .service_free = ::wavs_rt_service_free,
                                         .run = ::wavs_rt_run,
                                         .run_cancel = ::wavs_rt_run_cancel,
                                         .replay = ::wavs_rt_replay,
                                         .record_info = ::wavs_rt_record_info,
                                         .records_difference = ::wavs_rt_records_difference,
                                         .current_guest = ::wavs_rt_current_guest};
    return kLibrary;
}

const PeerLibrary& native_peer_library() {
    static constexpr PeerLibrary kLibrary = {.abi_version = ::wavs_rt_abi_version,
                                             .buf_release = ::wavs_rt_buf_release,
                                             .node_new = ::wavs_p2p_new,
                                             .node_stop = ::wavs_p2p_stop,
                                             .node_free = ::wavs_p2p_free,
                                             .subscribe = ::wavs_p2p_subscribe,
                                             .unsubscribe = ::wavs_p2p_unsubscribe,
                                             .publish = ::wavs_p2p_publish,
                                             .judge = ::wavs_p2p_judge,
                                             .answer_catchup = ::wavs_p2p_answer_catchup,
                                             .request_catchup = ::wavs_p2p_request_catchup,
                                             .grant = ::wavs_p2p_grant,
                                             .get_status = ::wavs_p2p_get_status};
    return kLibrary;
}

}  // namespace wavs::rt
