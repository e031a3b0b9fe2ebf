// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/bytes.hpp"
#include "wavs/base/result.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wavs::rt {

/// Plain values of the guest library's interface. The numbers are those of the C header.

enum class World : std::uint32_t { Operator = 0, Aggregator = 1 };
std::string_view to_string(World world);

/// The export a run calls; it implies the world.
enum class Export : std::uint32_t {
    Run = 0,
    ProcessInput = 1,
    HandleTimerCallback = 2,
    HandleSubmitCallback = 3,
    /// Optional: `Loaded::selects`.
    Select = 4,
};
std::string_view to_string(Export entry);
World world_of(Export entry);

/// Where a component came from when it was loaded.
enum class LoadSource : std::uint32_t { Memory = 0, Disk = 1, Compiled = 2 };
std::string_view to_string(LoadSource source);

/// Whether a component stays in memory until it is evicted by name.
enum class Pin : std::uint8_t { No, Yes };

using Hash = std::array<std::uint8_t, 32>;
using EventIdBytes = std::array<std::uint8_t, 20>;
using TraceIdBytes = std::array<std::uint8_t, 16>;

struct LoadRequest {
    World world = World::Operator;
    Pin pin = Pin::No;
    Hash digest{};
    /// Null: only look in the caches.
    std::shared_ptr<const base::Bytes> wasm;
};

struct Loaded {
    LoadSource source = LoadSource::Memory;
    std::chrono::nanoseconds wall{0};
    /// The interfaces the component imports.
    std::vector<std::string> imports;
    /// Whether an aggregator component has the export `wavs:quorum/select`.
    bool selects = false;
};

struct Pair {
    std::string key;
    std::string value;
};
using Pairs = std::vector<Pair>;

inline constexpr std::uint64_t kNoTimeLimit = std::numeric_limits<std::uint64_t>::max();

class Service;

/// One run. Owns or shares everything, since it travels through a coroutine.
struct RunRequest {
    Export entry = Export::Run;
    bool raw_sockets = false;
    bool dns = false;
    Hash digest{};
    Hash service_id{};
    EventIdBytes event_id{};
    TraceIdBytes trace_id{};
    /// Null: the guest traps when it asks for its service.
    std::shared_ptr<const Service> service;
    std::string workflow_id;
    /// In the encoding of rust/FLAT.md.
    base::Bytes input;
    std::uint64_t fuel = std::numeric_limits<std::uint64_t>::max();
    /// Instantiation and call together.
    std::uint64_t time_ms = kNoTimeLimit;
    /// 0: the engine's.
    std::uint64_t max_memory_bytes = 0;
    /// Null: none.
    std::shared_ptr<const Pairs> env;
    std::shared_ptr<const Pairs> config;
    /// Existing directory the guest sees as "."; empty: no files.
    std::string data_dir;
    /// Bytes a record of the run may have; 0: none is made.
    std::uint64_t record_bytes = 0;
    /// With a record: not 0 moves clocks, random numbers and the order of the environment.
    std::uint64_t seed = 0;
};

/// How a run ended. Fuel and time are set for failed runs too.
struct RunOutcome {
    base::Result<base::Bytes> output = base::Bytes();
    std::uint64_t fuel_used = 0;
    std::chrono::nanoseconds wall{0};
    /// The recorded run; empty unless it was asked for.
    base::Bytes record;
};

/// What a recorded run says about itself.
struct RecordInfo {
    Hash digest{};
    Export entry = Export::Run;
    Hash service_id{};
    std::string workflow_id;
    std::uint32_t calls = 0;
    /// Why it cannot be replayed.
    std::optional<std::string> incomplete;
    /// How the run ended: its output, or the error's text.
    bool succeeded = false;
    base::Bytes output;
    std::string error;
};

}  // namespace wavs::rt
