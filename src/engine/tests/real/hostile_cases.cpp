// SPDX-License-Identifier: Apache-2.0
// A component cannot call its own export again: no call of the host leads back into it, except for
// memory, which is `realloc_reenter` here.
#include "hostile_cases.hpp"

#include <algorithm>

namespace wavs::engine {
namespace {

using base::ErrorKind;
using wasm::Bytes;
using Case = HostileCase;

void fuel(types::Component& component) { component.fuel_limit = 50'000'000; }
void files(types::Component& component) { component.permissions.file_system = true; }

// --- commands of the component ---

Case guest(std::string_view name, std::string_view command, std::string_view text,
           std::string_view code = "component_error", void (*tune)(types::Component&) = nullptr) {
    const auto kind = code == "out_of_time" ? ErrorKind::Timeout : ErrorKind::Guest;
    return {name, nullptr, command, kind, code, text, tune};
}

std::vector<Case> processor_and_memory() {
    return {
        guest("loop_until_no_fuel", "spin", "of 50000000 is used up", "out_of_fuel", fuel),
        guest("loop_until_no_time", "spin", "the time limit", "out_of_time"),
        guest("sleep", "sleep:3600000000000", "the time limit of 1000 ms", "out_of_time"),
        guest("sleep_longest", "sleep:18446744073709551615", "the time limit", "out_of_time"),
        guest("naps", "nap", "the time limit", "out_of_time"),
        guest("grow_4_gib", "grow:65535", "memory.grow: refused", "exec_result"),
        guest("grow_above_limit", "grow:2048", "memory.grow: refused", "exec_result"),
        guest("grow_in_small_steps", "hog", "unreachable"),
        guest("recursion", "recurse", "call stack exhausted"),
        guest("alloca", "alloca:536870912", "out of bounds memory access"),
        guest("read_outside", "read-outside", "out of bounds memory access"),
        guest("divide_by_zero", "divide", "integer divide by zero"),
        guest("call_of_wrong_type", "call-wrong-type", "indirect call type mismatch"),
        guest("call_of_nothing", "call-nothing", "uninitialized element"),
        guest("abort", "abort", "unreachable"),
        guest("exit_0", "exit:0", "exit with code 0"),
        guest("exit_1", "exit:1", "exit with code 1"),
        guest("abort_at_start", "", "unreachable", "instantiate",
              [](types::Component& component) { component.env_keys = {"WAVS_ENV_START"}; }),
    };
}

std::vector<Case> output_and_answers() {
    return {
        guest("flood_of_log_lines", "flood-log:1000", "the time limit", "out_of_time"),
        guest("flood_of_empty_log_lines", "flood-log:0", "the time limit", "out_of_time"),
        guest("flood_of_long_log_lines", "flood-log:1000000", "the time limit", "out_of_time"),
        guest("flood_of_stdout", "flood-stdout", "the time limit", "out_of_time"),
        guest("flood_of_stderr", "flood-stderr", "the time limit", "out_of_time"),
        guest("log_is_not_utf8", "bad-log", "utf-8"),
        guest("error_is_not_utf8", "bad-error", "utf-8"),
        guest("huge_error", "huge-error:20000000", "eeee ...", "exec_result"),
        guest("huge_payload", "payload:2000000", "has 2000000 bytes, the limit is 1048576",
              "payload_too_large"),
        guest("log_line_above_a_host_call", "flood-log:70000000",
              "too much data is being copied between the host and the guest"),
        guest("two_responses_without_salts", "without-salts:2", "response 0 of 2",
              "missing_event_id_salt"),
        guest("a_million_responses", "without-salts:1000000", "1000000 responses",
              "too_many_responses"),
        guest("many_salted_responses", "with-salts:20000", "20000 responses", "too_many_responses"),
    };
}

std::vector<Case> host_memory() {
    return {
        guest("random_2_mib", "random:2097152", "exceeds limit 1048576"),
        guest("random_4_gib", "random:4294967296", "exceeds limit"),
        guest("leak_of_buckets", "leak-buckets", "no free keys", "exec_result"),
        guest("leak_of_long_bucket_names", "leak-buckets:1000000", "the memory limit of the run",
              "exec_result"),
        guest("leak_of_pollables", "leak-pollables", "no free keys"),
        guest("leak_of_streams", "leak-streams", "no free keys"),
        guest("leak_of_descriptors", "leak-descriptors:f", "handle limit exceeded",
              "component_error", files),
        guest("drop_twice", "drop-twice", "unknown handle index"),
        guest("use_after_drop", "use-dropped", "unknown handle index"),
        guest("poll_of_nothing", "poll-nothing", "empty poll list"),
        guest("realloc_reenter", "realloc-reenter", "cannot leave component instance"),
        guest("realloc_outside", "realloc-outside", "realloc"),
        guest("realloc_odd", "realloc-odd", "not aligned"),
        guest("realloc_spin", "realloc-spin", "the time limit", "out_of_time"),
    };
}

std::vector<Case> key_value_and_files() {
    return {
        guest("kv_flood", "kv-flood", "quota exceeded", "exec_result"),
        guest("kv_huge_key", "kv-key:2000000", "quota exceeded", "exec_result"),
        guest("kv_huge_value", "kv-value:2000000", "quota exceeded", "exec_result"),
        guest("kv_key_is_not_utf8", "kv-bad-key", "utf-8"),
        guest("kv_one_value_many_times", "kv-copies:1000", "ask for fewer keys", "exec_result"),
        guest("kv_handles_with_values", "kv-cas", "the memory limit of the run", "exec_result"),
        guest("file_flood", "file-flood:100000", "more than 1048576 bytes", "component_error",
              files),
        guest("file_flood_of_empty_ones", "file-flood:0", "more than 1048576 bytes",
              "component_error", files),
        guest("file_without_permission", "read:/etc/passwd", "cannot open", "exec_result"),
        guest("own_file_without_permission", "write:f", "cannot open", "exec_result"),
        guest("file_by_absolute_path", "read:/etc/passwd", "cannot open", "exec_result", files),
        guest("file_above", "read:../outside", "cannot open", "exec_result", files),
        guest("file_above_by_detour", "read:a/../../outside", "cannot open", "exec_result", files),
        guest("write_above", "write:../evil", "cannot open", "exec_result", files),
        guest("link_to_absolute_path", "link:/etc/passwd", "cannot", "exec_result", files),
        guest("link_to_above", "link:../outside", "cannot", "exec_result", files),
        guest("link_of_another", "read:planted", "cannot open", "exec_result", files),
    };
}

// --- components made by hand ---

Case running(std::string_view name, Bytes (*module)(), std::string_view code,
             std::string_view text) {
    const auto kind = code == "out_of_time" ? ErrorKind::Timeout : ErrorKind::Guest;
    return {name, [module] { return wasm::with_module(echo(), module()); }, "x", kind, code, text};
}

Bytes memories(std::size_t count, const Bytes& limits) {
    return wasm::section(wasm::Core::Memory, wasm::repeated(limits, count));
}

Bytes table(const Bytes& limits) {
    return wasm::section(wasm::Core::Table, wasm::one(wasm::join({{0x70}, limits})));
}

Bytes fork_of_memories() {
    Bytes growing;
    for (std::uint8_t index = 0; index < 60; ++index) {
        base::append(growing, wasm::grow_memory(index));
    }
    return wasm::starting(wasm::forever(growing), memories(60, {0, 0}));
}

std::vector<Case> modules_that_run() {
    return {
        running(
            "trap_in_start", [] { return wasm::starting({0x00}); }, "instantiate", "unreachable"),
        running(
            "loop_in_start", [] { return wasm::starting(wasm::forever({})); }, "out_of_time",
            "the time limit"),
        running("fork_of_memories", fork_of_memories, "instantiate", "unreachable"),
        running(
            "more_memories_than_a_run_gets", [] { return wasm::module({memories(100, {0, 0})}); },
            "instantiate", "memory count too high"),
        running(
            "memory_with_huge_minimum",
            [] { return wasm::module({memories(1, wasm::join({{0}, wasm::leb(65536)}))}); },
            "instantiate", "memory minimum size"),
        running(
            "table_bomb",
            [] { return wasm::starting(wasm::forever(wasm::grow_table()), table({0, 0})); },
            "instantiate", "unreachable"),
        running(
            "table_with_huge_minimum",
            [] { return wasm::module({table(wasm::join({{0}, wasm::leb(10'000'000)}))}); },
            "instantiate", "table minimum size"),
        running(
            "table_with_largest_minimum",
            [] { return wasm::module({table(wasm::join({{0}, wasm::leb(0xffffffffU)}))}); },
            "instantiate", "table minimum size"),
    };
}

// --- components that are not even loaded ---

Case refused(std::string_view name, std::function<Bytes()> component, std::string_view text,
             std::string_view code = "compile", ErrorKind kind = ErrorKind::Guest) {
    return {name, std::move(component), "", kind, code, text};
}

Case refused_module(std::string_view name, Bytes (*module)(), std::string_view text) {
    return refused(name, [module] { return wasm::with_module(echo(), module()); }, text);
}

// An instance with one function, so that somebody has to provide it.
Bytes importing(std::string_view interface) {
    const Bytes type = {0x42, 2, 0x01, 0x40, 0, 0x01, 0, 0x04, 0, 1, 'f', 0x01, 0};
    return wasm::component(
        {wasm::section(wasm::Part::Type, wasm::one(type)),
         wasm::section(wasm::Part::Import,
                       wasm::one(wasm::join({{0}, wasm::name(interface), {5, 0}})))});
}

// `run: func()`.
Bytes with_wrong_run() {
    using wasm::Part;
    const auto module = wasm::module({wasm::section(wasm::Core::Type, wasm::one({0x60, 0, 0})),
                                      wasm::section(wasm::Core::Function, wasm::one({0})),
                                      wasm::section(wasm::Core::Export, wasm::one({1, 'f', 0, 0})),
                                      wasm::code_section({})});
    return wasm::component(
        {wasm::section(Part::Module, module),
         wasm::section(Part::CoreInstance, wasm::one({0, 0, 0})),
         wasm::section(Part::Alias, wasm::one({0, 0, 1, 0, 1, 'f'})),
         wasm::section(Part::Type, wasm::one({0x40, 0, 1, 0})),
         wasm::section(Part::Canon, wasm::one({0, 0, 0, 0, 0})),
         wasm::section(Part::Export, wasm::one({0, 3, 'r', 'u', 'n', 1, 0, 0}))});
}

// Each level makes 900 of the one below.
Bytes bomb() {
    auto inner = wasm::with_module(wasm::component({}), wasm::module({}));
    for (int level = 0; level < 4; ++level) {
        inner = wasm::with_component(wasm::component({}), inner, 900);
    }
    return wasm::with_component(echo(), inner, 1);
}

Bytes nested_components(int depth) {
    auto inner = wasm::component({});
    for (int level = 0; level < depth; ++level) {
        inner = wasm::component({wasm::section(wasm::Part::Component, inner)});
    }
    return inner;
}

// Component types that declare component types.
Bytes nested_types(int depth) {
    Bytes types = {1};
    for (int level = 0; level < depth; ++level) {
        base::append(types, Bytes{0x41, 1, 0x01});
    }
    base::append(types, Bytes{0x41, 0});
    return wasm::component({wasm::section(wasm::Part::Type, types)});
}

// list<list<...>>
Bytes nested_lists(std::size_t depth) {
    Bytes types = wasm::join({wasm::leb(depth), {0x70, 0x7d}});
    for (std::size_t level = 1; level < depth; ++level) {
        // Two bytes are enough, and the sign stays free.
        const auto low = static_cast<std::uint8_t>((level - 1) | 0x80);
        const auto high = static_cast<std::uint8_t>((level - 1) >> 7);
        base::append(types, Bytes{0x70, low, high});
    }
    return wasm::component({wasm::section(wasm::Part::Type, types)});
}

Bytes head_of_echo(std::size_t bytes) {
    auto wasm = echo();
    wasm.resize(std::min(bytes, wasm.size()));
    return wasm;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const HostileCase& one) { return out << one.name; }

wasm::Bytes echo() { return read_component("echo").value_or(Bytes()); }
wasm::Bytes hostile() { return read_component("hostile").value_or(Bytes()); }

std::vector<HostileCase> modules_that_are_refused() {
    return {
        refused_module(
            "shared_memory", [] { return wasm::module({memories(1, {3, 1, 1})}); }, "threads"),
        refused_module(
            "memory_of_64_bits", [] { return wasm::module({memories(1, {4, 1})}); }, "memory64"),
        refused_module(
            "custom_page_size", [] { return wasm::module({memories(1, {8, 1, 0})}); },
            "custom page sizes"),
        refused_module(
            "garbage_collection",
            [] { return wasm::module({wasm::section(wasm::Core::Type, wasm::one({0x5f, 0}))}); },
            "gc"),
        refused_module(
            "exceptions",
            [] {
                return wasm::module({wasm::section(wasm::Core::Type, wasm::one({0x60, 0, 0})),
                                     wasm::section(wasm::Core::Tag, wasm::one({0, 0}))});
            },
            "exceptions"),
        refused_module(
            "memory_larger_than_any",
            [] { return wasm::module({memories(1, wasm::join({{0}, wasm::leb(65537)}))}); },
            "memory size"),
        refused(
            "too_many_instances", [] { return wasm::with_module(echo(), wasm::module({}), 600); },
            "this node allows 500 (max_instances)"),
        refused("bomb_of_instances", bomb, "core instances, this node allows 500"),
        refused(
            "components_in_components", [] { return nested_components(150); }, "nested too deep"),
        refused(
            "types_in_types", [] { return nested_types(200'000); }, "too deep"),
        refused(
            "lists_in_lists", [] { return nested_lists(1000); }, "too deep"),
    };
}

std::vector<HostileCase> inputs_that_are_no_component() {
    return {
        refused(
            "core_module", [] { return wasm::module({}); }, "core module"),
        refused(
            "truncated", [] { return head_of_echo(5000); }, "damaged"),
        refused(
            "only_a_header", [] { return head_of_echo(6); }, "damaged"),
        refused(
            "random_bytes", [] { return Bytes{0x8f, 0x11, 0x42, 0x99, 0x00, 0x17}; },
            "not WebAssembly"),
        refused(
            "compressed", [] { return wasm::join({{0x1f, 0x8b, 8, 0}, head_of_echo(100)}); },
            "not WebAssembly"),
        refused(
            "text_format", [] { return base::to_bytes("(component)"); }, "text format"),
        refused(
            "no_export", [] { return wasm::component({}); }, "no export `run`", "instantiate"),
        refused("run_of_wrong_type", with_wrong_run, "the export `run` has another type",
                "instantiate"),
        refused(
            "other_world", [] { return read_component("simple_aggregator").value_or(Bytes()); },
            "no export `run`", "instantiate"),
        refused(
            "unknown_import",
            [] {
                const auto import = wasm::join({{0}, wasm::name("unknown-thing"), {3, 1}});
                return wasm::join({echo(), wasm::section(wasm::Part::Import, wasm::one(import))});
            },
            "unknown-thing", "instantiate"),
        refused(
            "newer_wavs_package", [] { return importing("wavs:types/core@3.0.0"); },
            "needs a newer node", "needs_newer_node", ErrorKind::Unsupported),
        refused(
            "unknown_wavs_package", [] { return importing("wavs:quantum/core@1.0.0"); },
            "needs a newer node", "needs_newer_node", ErrorKind::Unsupported),
        refused(
            "older_wavs_package", [] { return importing("wavs:types/core@2.5.0"); }, "rebuild it",
            "instantiate"),
    };
}

std::vector<HostileCase> all_cases() {
    std::vector<Case> all;
    for (auto* some : {processor_and_memory, output_and_answers, host_memory, key_value_and_files,
                       modules_that_run, modules_that_are_refused, inputs_that_are_no_component}) {
        for (auto& one : some()) {
            all.push_back(std::move(one));
        }
    }
    return all;
}

}  // namespace wavs::engine
