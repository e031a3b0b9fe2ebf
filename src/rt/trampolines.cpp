// SPDX-License-Identifier: Apache-2.0
// Host calls from guest threads. Nothing may be thrown into the library, so each function is
// noexcept and a throwing implementation becomes an answer.
#include "library.hpp"
#include "wavs/base/fault.hpp"

namespace wavs::rt {
namespace {

Origin origin_of(const wavs_rt_origin& from) {
    Origin origin{.entry = static_cast<Export>(from.export_),
                  .service_id = {},
                  .digest = {},
                  .trace_id = {},
                  .workflow_id = base::as_text(view_of(from.workflow_id))};
    std::copy_n(from.service_id, origin.service_id.size(), origin.service_id.begin());
    std::copy_n(from.digest, origin.digest.size(), origin.digest.begin());
    std::copy_n(from.trace_id, origin.trace_id.size(), origin.trace_id.begin());
    return origin;
}

std::string_view text_of(const wavs_rt_slice& slice) { return base::as_text(view_of(slice)); }

void store(const EngineHandle& handle, base::ByteView bytes, wavs_rt_buf* out) {
    if (!bytes.empty()) {
        *out = handle.library.buf_copy(slice_of(bytes));
    }
}

// Runs one host call; `call` takes the handle and the origin and returns a Reply or NumberReply.
template <typename Call>
std::uint32_t answer(void* user, const wavs_rt_origin* from, wavs_rt_buf* out,
                     const Call& call) noexcept {
    const auto& handle = *static_cast<const EngineHandle*>(user);
    try {
        if (const auto fault = base::blocking_fault(base::FaultPoint::HostCall);
            !fault.has_value()) {
            store(handle, base::as_bytes(fault.error().message()), out);
            return WAVS_RT_ANSWER_OTHER;
        }
        const auto reply = call(handle.host, origin_of(*from));
        store(handle, reply.bytes, out);
        return static_cast<std::uint32_t>(reply.answer);
    } catch (const std::exception& e) {
        store(handle, base::as_bytes(e.what()), out);
    } catch (...) {
        store(handle, base::as_bytes("the node failed"), out);
    }
    return WAVS_RT_ANSWER_OTHER;
}

void on_log(void* user, const wavs_rt_origin* from, std::uint32_t level, std::uint32_t source,
            wavs_rt_slice text) noexcept {
    try {
        static_cast<const EngineHandle*>(user)->host.log(
            origin_of(*from), static_cast<LogLevel>(level), static_cast<LogSource>(source),
            text_of(text));
    } catch (...) {  // NOLINT(bugprone-empty-catch): a lost line must not end a run
    }
}

std::uint32_t on_chain_config(void* user, const wavs_rt_origin* from, std::uint32_t family,
                              wavs_rt_slice chain_key, wavs_rt_buf* out) noexcept {
    return answer(user, from, out, [&](HostCalls& host, const Origin& origin) {
        auto found =
            host.chain_config(origin, static_cast<ChainFamily>(family), text_of(chain_key));
        return found ? Reply{Answer::Ok, std::move(*found)} : Reply{Answer::Absent, {}};
    });
}

std::uint32_t on_event_id(void* user, const wavs_rt_origin* from, wavs_rt_slice salt,
                          std::uint8_t* out) noexcept {
    try {
        const auto id =
            static_cast<const EngineHandle*>(user)->host.event_id(origin_of(*from), view_of(salt));
        if (id) {
            std::copy(id->begin(), id->end(), out);
            return WAVS_RT_ANSWER_OK;
        }
    } catch (...) {
        return WAVS_RT_ANSWER_OTHER;
    }
    return WAVS_RT_ANSWER_OTHER;
}

std::uint32_t on_kv_get(void* user, const wavs_rt_origin* from, wavs_rt_slice bucket,
                        wavs_rt_slice key, wavs_rt_buf* out) noexcept {
    return answer(user, from, out, [&](HostCalls& host, const Origin& origin) {
        return host.kv_get(origin, text_of(bucket), text_of(key));
    });
}

std::uint32_t on_kv_exists(void* user, const wavs_rt_origin* from, wavs_rt_slice bucket,
                           wavs_rt_slice key, wavs_rt_buf* out) noexcept {
    return answer(user, from, out, [&](HostCalls& host, const Origin& origin) {
        return host.kv_exists(origin, text_of(bucket), text_of(key));
    });
}

std::uint32_t on_kv_set(void* user, const wavs_rt_origin* from, wavs_rt_slice bucket,
                        wavs_rt_slice key, wavs_rt_slice value, wavs_rt_buf* out) noexcept {
    return answer(user, from, out, [&](HostCalls& host, const Origin& origin) {
        return host.kv_set(origin, text_of(bucket), text_of(key), view_of(value));
    });
}

std::uint32_t on_kv_delete(void* user, const wavs_rt_origin* from, wavs_rt_slice bucket,
                           wavs_rt_slice key, wavs_rt_buf* out) noexcept {
    return answer(user, from, out, [&](HostCalls& host, const Origin& origin) {
        return host.kv_delete(origin, text_of(bucket), text_of(key));
    });
}

std::uint32_t on_kv_list(void* user, const wavs_rt_origin* from, wavs_rt_slice bucket,
                         const wavs_rt_slice* cursor, wavs_rt_buf* out) noexcept {
    return answer(user, from, out, [&](HostCalls& host, const Origin& origin) {
        std::optional<std::string_view> start;
        if (cursor != nullptr) {
            start = text_of(*cursor);
        }
        return host.kv_list(origin, text_of(bucket), start);
    });
}

std::uint32_t on_kv_increment(void* user, const wavs_rt_origin* from, wavs_rt_slice bucket,
                              wavs_rt_slice key, std::int64_t delta, std::int64_t* value,
                              wavs_rt_buf* out) noexcept {
    return answer(user, from, out, [&](HostCalls& host, const Origin& origin) {
        auto reply = host.kv_increment(origin, text_of(bucket), text_of(key), delta);
        *value = reply.value;
        return reply;
    });
}

std::uint32_t on_kv_cas(void* user, const wavs_rt_origin* from, wavs_rt_slice bucket,
                        wavs_rt_slice key, const wavs_rt_slice* expected, wavs_rt_slice value,
                        wavs_rt_buf* out) noexcept {
    return answer(user, from, out, [&](HostCalls& host, const Origin& origin) {
        std::optional<base::ByteView> old;
        if (expected != nullptr) {
            old = view_of(*expected);
        }
        return host.kv_compare_and_swap(origin, text_of(bucket), text_of(key), old, view_of(value));
    });
}

}  // namespace

wavs_rt_callbacks make_callbacks(EngineHandle& handle) {
    return {.user = &handle,
            .log = on_log,
            .chain_config = on_chain_config,
            .event_id = on_event_id,
            .kv_get = on_kv_get,
            .kv_exists = on_kv_exists,
            .kv_set = on_kv_set,
            .kv_delete = on_kv_delete,
            .kv_list = on_kv_list,
            .kv_increment = on_kv_increment,
            .kv_cas = on_kv_cas};
}

}  // namespace wavs::rt
