// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/rt/engine.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace wavs::rt::testing {

/// The numbers of the C header.
enum class FakeStatus : std::uint32_t {
    Ok = 0,
    NotFound = 1,
    Compile = 2,
    Instantiate = 3,
    OutOfFuel = 4,
    OutOfTime = 5,
    ComponentError = 6,
    ExecResult = 7,
    InvalidInput = 8,
    Filesystem = 9,
    Cancelled = 10,
    NeedsNewerNode = 11,
    Panic = 12,
    Internal = 13,
};

struct FakeAnswer {
    FakeStatus status = FakeStatus::Ok;
    base::Bytes output;
    std::string message;
    std::uint64_t fuel_used = 0;
    std::chrono::nanoseconds wall{0};
};

/// What a run was asked for, and the host calls it may make, through the C callbacks.
class FakeGuest {
public:
    struct Call;
    explicit FakeGuest(const Call& call);

    const RunRequest& request() const;
    bool has_service() const;
    /// Whether the run was cancelled meanwhile.
    bool cancelled() const;

    void log(LogLevel level, LogSource source, std::string_view text) const;
    std::optional<base::Bytes> chain_config(ChainFamily family, std::string_view key) const;
    std::optional<EventIdBytes> event_id(base::ByteView salt) const;
    Reply kv_get(std::string_view bucket, std::string_view key) const;
    Reply kv_exists(std::string_view bucket, std::string_view key) const;
    Reply kv_set(std::string_view bucket, std::string_view key, base::ByteView value) const;
    Reply kv_delete(std::string_view bucket, std::string_view key) const;
    Reply kv_list(std::string_view bucket, std::optional<std::string_view> cursor) const;
    NumberReply kv_increment(std::string_view bucket, std::string_view key,
                             std::int64_t delta) const;
    Reply kv_compare_and_swap(std::string_view bucket, std::string_view key,
                              std::optional<base::ByteView> expected, base::ByteView value) const;

private:
    const Call& call_;
};

/// A guest library in C++: runs are functions, on threads of its own. A component must have been
/// loaded before it runs, as in the real one. One at a time per process.
class FakeLibrary {
public:
    using RunHandler = std::function<FakeAnswer(const FakeGuest&)>;
    /// Only for loads that bring bytes; the default accepts everything.
    using LoadHandler = std::function<FakeAnswer(World, base::ByteView wasm)>;

    explicit FakeLibrary(unsigned threads = 4);
    ~FakeLibrary();
    FakeLibrary(const FakeLibrary&) = delete;
    FakeLibrary& operator=(const FakeLibrary&) = delete;

    const Library& library() const;

    /// Set before the first call.
    void on_run(RunHandler handler);
    void on_load(LoadHandler handler);
    /// Whether the components loaded from now on have the optional export.
    void set_selects(bool selects);
    void set_abi_version(std::uint32_t version);
    void refuse_services(std::string message);

    /// Options the engine was made with; none before that.
    std::optional<EngineOptions> options() const;
    /// The rules that were set last; an empty exception is refused.
    std::optional<NetworkRules> network() const;
    /// Flat encodings that services were made of.
    std::vector<base::Bytes> services() const;
    std::size_t loads() const;
    std::size_t runs() const;
    std::size_t cancels() const;
    bool pinned(const Hash& digest) const;
    bool known(const Hash& digest) const;

    struct Impl;

private:
    std::unique_ptr<Impl> impl_;
};

}  // namespace wavs::rt::testing
