// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "route.hpp"

namespace wavs::http {

using Reply = async::Task<base::Result<net::Response>>;

Reply get_health(Services& services, Call call);
Reply get_config(Services& services, Call call);
Reply get_info(Services& services, Call call);
Reply get_p2p_status(Services& services, Call call);
Reply get_livez(Services& services, Call call);
Reply get_readyz(Services& services, Call call);
Reply get_metrics(Services& services, Call call);
Reply get_openapi(Services& services, Call call);

Reply get_services(Services& services, Call call);
Reply get_service(Services& services, Call call);
Reply get_service_states(Services& services, Call call);
Reply post_permissions(Services& services, Call call);
Reply post_empty_ledger(Services& services, Call call);
Reply get_events(Services& services, Call call);
Reply get_failed_events(Services& services, Call call);
Reply post_event_retry(Services& services, Call call);
Reply post_event_skip(Services& services, Call call);
Reply get_divergences(Services& services, Call call);
Reply get_quarantine(Services& services, Call call);
Reply delete_quarantine(Services& services, Call call);
Reply post_service(Services& services, Call call);
Reply delete_services(Services& services, Call call);
Reply post_signer(Services& services, Call call);

Reply get_saved_manifest(Services& services, Call call);
Reply post_manifest(Services& services, Call call);
Reply post_saved_manifest(Services& services, Call call);
Reply post_component(Services& services, Call call);
Reply post_trigger(Services& services, Call call);
Reply get_trigger_streams(Services& services, Call call);
Reply get_kv(Services& services, Call call);
Reply post_chain(Services& services, Call call);

}  // namespace wavs::http
