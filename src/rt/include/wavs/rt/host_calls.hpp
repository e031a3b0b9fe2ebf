// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/rt/types.hpp"

#include <optional>

namespace wavs::rt {

/// Which run a host call speaks for; valid during the call.
struct Origin {
    Export entry;
    Hash service_id;
    Hash digest;
    TraceIdBytes trace_id;
    std::string_view workflow_id;
};

/// In the order of the WIT variant.
enum class LogLevel : std::uint32_t { Error = 0, Warn = 1, Info = 2, Debug = 3, Trace = 4 };
/// `Host`: the guest's log function; `Notice`: the library speaks about the run.
enum class LogSource : std::uint32_t { Host = 0, Stdout = 1, Stderr = 2, Notice = 3 };
enum class ChainFamily : std::uint32_t { Evm = 0, Cosmos = 1 };

enum class Answer : std::uint32_t {
    Ok = 0,
    /// There is no such value.
    Absent = 1,
    /// Compare-and-swap only: the stored value is not the expected one.
    Changed = 2,
    NoSuchStore = 3,
    AccessDenied = 4,
    /// `bytes` is a text for the guest.
    Other = 5,
};

struct Reply {
    Answer answer = Answer::Ok;
    base::Bytes bytes;
};
struct NumberReply {
    Answer answer = Answer::Ok;
    /// Text for the guest when `answer` is Other.
    base::Bytes bytes;
    std::int64_t value = 0;
};
Reply other_reply(std::string_view text);

/// What the library asks of the node while a guest runs. Called on guest threads, from several at
/// the same time, each held until the function returns: no waiting, no locks held for long. What a
/// function throws is turned into `Other`. Implemented by `engine`; must outlive the rt::Engine.
class HostCalls {
public:
    virtual ~HostCalls() = default;

    virtual void log(const Origin& origin, LogLevel level, LogSource source,
                     std::string_view text) = 0;
    /// Flat chain configuration; none when unknown or of the other family.
    virtual std::optional<base::Bytes> chain_config(const Origin& origin, ChainFamily family,
                                                    std::string_view chain_key) = 0;
    /// None traps the guest.
    virtual std::optional<EventIdBytes> event_id(const Origin& origin, base::ByteView salt) = 0;

    virtual Reply kv_get(const Origin& origin, std::string_view bucket, std::string_view key) = 0;
    virtual Reply kv_exists(const Origin& origin, std::string_view bucket,
                            std::string_view key) = 0;
    virtual Reply kv_set(const Origin& origin, std::string_view bucket, std::string_view key,
                         base::ByteView value) = 0;
    virtual Reply kv_delete(const Origin& origin, std::string_view bucket,
                            std::string_view key) = 0;
    /// Ok: a flat key-response, from the first key not below `cursor` on.
    virtual Reply kv_list(const Origin& origin, std::string_view bucket,
                          std::optional<std::string_view> cursor) = 0;
    virtual NumberReply kv_increment(const Origin& origin, std::string_view bucket,
                                     std::string_view key, std::int64_t delta) = 0;
    virtual Reply kv_compare_and_swap(const Origin& origin, std::string_view bucket,
                                      std::string_view key, std::optional<base::ByteView> expected,
                                      base::ByteView value) = 0;
};

}  // namespace wavs::rt
