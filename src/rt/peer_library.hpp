// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/rt/peers.hpp"

#include <wavs_rt.h>

namespace wavs::rt {

/// The C interface to the peers as a table, so that a fake can stand in for the archive. One entry
/// per function `wavs_p2p_*`, and what those share with the guest engine.
struct PeerLibrary {
    decltype(&::wavs_rt_abi_version) abi_version;
    decltype(&::wavs_rt_buf_release) buf_release;
    decltype(&::wavs_p2p_new) node_new;
    decltype(&::wavs_p2p_stop) node_stop;
    decltype(&::wavs_p2p_free) node_free;
    decltype(&::wavs_p2p_subscribe) subscribe;
    decltype(&::wavs_p2p_unsubscribe) unsubscribe;
    decltype(&::wavs_p2p_publish) publish;
    decltype(&::wavs_p2p_judge) judge;
    decltype(&::wavs_p2p_answer_catchup) answer_catchup;
    decltype(&::wavs_p2p_request_catchup) request_catchup;
    decltype(&::wavs_p2p_grant) grant;
    decltype(&::wavs_p2p_get_status) get_status;
};

}  // namespace wavs::rt
