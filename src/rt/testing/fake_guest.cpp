// SPDX-License-Identifier: Apache-2.0
#include "fake_state.hpp"

namespace wavs::rt::testing {
namespace {

std::shared_ptr<const Pairs> pairs_of(const wavs_rt_pair* pairs, std::size_t count) {
    auto out = std::make_shared<Pairs>();
    for (std::size_t i = 0; i < count; ++i) {
        out->push_back({std::string(base::as_text(view_of(pairs[i].key))),
                        std::string(base::as_text(view_of(pairs[i].value)))});
    }
    return out;
}

Reply reply_of(std::uint32_t answer, wavs_rt_buf out) {
    Reply reply{static_cast<Answer>(answer), base::to_bytes(view_of(out))};
    fake_buf_release(out);
    return reply;
}

}  // namespace

FakeGuest::Call FakeGuest::Call::from(const wavs_rt_run_request& from,
                                      const wavs_rt_callbacks& callbacks) {
    RunRequest to;
    to.entry = static_cast<Export>(from.export_);
    to.raw_sockets = (from.flags & WAVS_RT_RUN_RAW_SOCKETS) != 0;
    to.dns = (from.flags & WAVS_RT_RUN_DNS) != 0;
    std::copy_n(from.digest, to.digest.size(), to.digest.begin());
    std::copy_n(from.service_id, to.service_id.size(), to.service_id.begin());
    std::copy_n(from.event_id, to.event_id.size(), to.event_id.begin());
    std::copy_n(from.trace_id, to.trace_id.size(), to.trace_id.begin());
    to.workflow_id = base::as_text(view_of(from.workflow_id));
    to.input = base::to_bytes(view_of(from.input));
    to.fuel = from.fuel;
    to.time_ms = from.time_ms;
    to.max_memory_bytes = from.max_memory_bytes;
    to.env = pairs_of(from.env, from.env_len);
    to.config = pairs_of(from.config, from.config_len);
    to.data_dir = base::as_text(view_of(from.data_dir));
    return {std::move(to), from.service != nullptr, callbacks};
}

wavs_rt_origin FakeGuest::Call::origin() const {
    wavs_rt_origin out{};
    out.export_ = static_cast<std::uint32_t>(request.entry);
    std::copy(request.service_id.begin(), request.service_id.end(), out.service_id);
    std::copy(request.digest.begin(), request.digest.end(), out.digest);
    std::copy(request.trace_id.begin(), request.trace_id.end(), out.trace_id);
    out.workflow_id = slice_of(request.workflow_id);
    return out;
}

FakeGuest::FakeGuest(const Call& call) : call_(call) {}
const RunRequest& FakeGuest::request() const { return call_.request; }
bool FakeGuest::has_service() const { return call_.has_service; }
bool FakeGuest::cancelled() const { return call_.cancelled; }

void FakeGuest::log(LogLevel level, LogSource source, std::string_view text) const {
    const auto origin = call_.origin();
    call_.callbacks.log(call_.callbacks.user, &origin, static_cast<std::uint32_t>(level),
                        static_cast<std::uint32_t>(source), slice_of(text));
}

std::optional<base::Bytes> FakeGuest::chain_config(ChainFamily family, std::string_view key) const {
    const auto origin = call_.origin();
    wavs_rt_buf out{};
    const auto answer = call_.callbacks.chain_config(
        call_.callbacks.user, &origin, static_cast<std::uint32_t>(family), slice_of(key), &out);
    auto reply = reply_of(answer, out);
    if (reply.answer != Answer::Ok) {
        return std::nullopt;
    }
    return std::move(reply.bytes);
}

std::optional<EventIdBytes> FakeGuest::event_id(base::ByteView salt) const {
    const auto origin = call_.origin();
    EventIdBytes id{};
    if (call_.callbacks.event_id(call_.callbacks.user, &origin, slice_of(salt), id.data()) !=
        WAVS_RT_ANSWER_OK) {
        return std::nullopt;
    }
    return id;
}

Reply FakeGuest::kv_get(std::string_view bucket, std::string_view key) const {
    const auto origin = call_.origin();
    wavs_rt_buf out{};
    const auto answer = call_.callbacks.kv_get(call_.callbacks.user, &origin, slice_of(bucket),
                                               slice_of(key), &out);
    return reply_of(answer, out);
}

Reply FakeGuest::kv_exists(std::string_view bucket, std::string_view key) const {
    const auto origin = call_.origin();
    wavs_rt_buf out{};
    const auto answer = call_.callbacks.kv_exists(call_.callbacks.user, &origin, slice_of(bucket),
                                                  slice_of(key), &out);
    return reply_of(answer, out);
}

Reply FakeGuest::kv_set(std::string_view bucket, std::string_view key, base::ByteView value) const {
    const auto origin = call_.origin();
    wavs_rt_buf out{};
    const auto answer = call_.callbacks.kv_set(call_.callbacks.user, &origin, slice_of(bucket),
                                               slice_of(key), slice_of(value), &out);
    return reply_of(answer, out);
}

Reply FakeGuest::kv_delete(std::string_view bucket, std::string_view key) const {
    const auto origin = call_.origin();
    wavs_rt_buf out{};
    const auto answer = call_.callbacks.kv_delete(call_.callbacks.user, &origin, slice_of(bucket),
                                                  slice_of(key), &out);
    return reply_of(answer, out);
}

Reply FakeGuest::kv_list(std::string_view bucket, std::optional<std::string_view> cursor) const {
    const auto origin = call_.origin();
    wavs_rt_buf out{};
    const wavs_rt_slice start = slice_of(cursor.value_or(""));
    const auto answer = call_.callbacks.kv_list(call_.callbacks.user, &origin, slice_of(bucket),
                                                cursor ? &start : nullptr, &out);
    return reply_of(answer, out);
}

NumberReply FakeGuest::kv_increment(std::string_view bucket, std::string_view key,
                                    std::int64_t delta) const {
    const auto origin = call_.origin();
    wavs_rt_buf out{};
    std::int64_t value = 0;
    const auto answer = call_.callbacks.kv_increment(
        call_.callbacks.user, &origin, slice_of(bucket), slice_of(key), delta, &value, &out);
    auto reply = reply_of(answer, out);
    return {reply.answer, std::move(reply.bytes), value};
}

Reply FakeGuest::kv_compare_and_swap(std::string_view bucket, std::string_view key,
                                     std::optional<base::ByteView> expected,
                                     base::ByteView value) const {
    const auto origin = call_.origin();
    wavs_rt_buf out{};
    const wavs_rt_slice old = slice_of(expected.value_or(base::ByteView()));
    const auto answer =
        call_.callbacks.kv_cas(call_.callbacks.user, &origin, slice_of(bucket), slice_of(key),
                               expected ? &old : nullptr, slice_of(value), &out);
    return reply_of(answer, out);
}

}  // namespace wavs::rt::testing
