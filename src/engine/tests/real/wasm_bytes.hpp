// SPDX-License-Identifier: Apache-2.0
#pragma once

// Writes WebAssembly that no compiler would: modules, and components around them.

#include "wavs/base/bytes.hpp"

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

namespace wavs::engine::wasm {

using base::Bytes;

enum class Core : std::uint8_t {
    Type = 1,
    Function = 3,
    Table = 4,
    Memory = 5,
    Export = 7,
    Start = 8,
    Code = 10,
    Tag = 13,
};

enum class Part : std::uint8_t {
    Custom = 0,
    Module = 1,
    CoreInstance = 2,
    Component = 4,
    Instance = 5,
    Alias = 6,
    Type = 7,
    Canon = 8,
    Import = 10,
    Export = 11,
};

inline Bytes leb(std::uint64_t value) {
    Bytes out;
    for (; value > 0x7f; value >>= 7) {
        out.push_back(static_cast<std::uint8_t>(value | 0x80));
    }
    out.push_back(static_cast<std::uint8_t>(value));
    return out;
}

inline Bytes join(std::initializer_list<Bytes> parts) {
    Bytes out;
    for (const auto& part : parts) {
        base::append(out, part);
    }
    return out;
}

inline Bytes name(std::string_view text) { return join({leb(text.size()), base::to_bytes(text)}); }

/// The same item so many times, with their number in front.
inline Bytes repeated(const Bytes& item, std::size_t count) {
    Bytes out = leb(count);
    for (std::size_t i = 0; i < count; ++i) {
        base::append(out, item);
    }
    return out;
}
inline Bytes one(const Bytes& item) { return repeated(item, 1); }

template <typename Id>
Bytes section(Id id, const Bytes& body) {
    return join({{static_cast<std::uint8_t>(id)}, leb(body.size()), body});
}

inline Bytes module(std::initializer_list<Bytes> sections) {
    return join({{0, 'a', 's', 'm', 1, 0, 0, 0}, join(sections)});
}

inline Bytes component(std::initializer_list<Bytes> parts) {
    return join({{0, 'a', 's', 'm', 0x0d, 0, 1, 0}, join(parts)});
}

/// A function without parameters and results.
inline Bytes code_section(const Bytes& instructions) {
    const auto body = join({{0}, instructions, {0x0b}});
    return section(Core::Code, one(join({leb(body.size()), body})));
}

/// A module whose start function is `instructions`, with `extra` (tables, memories).
inline Bytes starting(const Bytes& instructions, const Bytes& extra = {}) {
    return module({section(Core::Type, one({0x60, 0, 0})), section(Core::Function, one({0})), extra,
                   section(Core::Start, {0}), code_section(instructions)});
}

/// Instructions, over and over.
inline Bytes forever(const Bytes& instructions) {
    return join({{0x03, 0x40}, instructions, {0x0c, 0x00, 0x0b}});
}

/// memory.grow by one page or table.grow by 1000; traps when it is refused.
inline Bytes grow_memory(std::uint8_t index) {
    return {0x41, 1, 0x40, index, 0x41, 0x7f, 0x46, 0x04, 0x40, 0x00, 0x0b};
}
inline Bytes grow_table() {
    return {0xd0, 0x70, 0x41, 0xe8, 0x07, 0xfc, 0x0f, 0, 0x41, 0x7f, 0x46, 0x04, 0x40, 0x00, 0x0b};
}

/// How many sections of one kind a component has itself.
inline std::size_t count(const Bytes& component, Part kind) {
    std::size_t found = 0;
    std::size_t at = 8;
    while (at < component.size()) {
        found += component[at++] == static_cast<std::uint8_t>(kind) ? 1 : 0;
        std::uint64_t size = 0;
        for (unsigned shift = 0;; shift += 7) {
            const auto byte = component.at(at++);
            size |= std::uint64_t{byte & 0x7fU} << shift;
            if (byte < 0x80) {
                break;
            }
        }
        at += size;
    }
    return found;
}

/// `component`, which also makes instances of `module`; it exports what it did before.
inline Bytes with_module(const Bytes& component, const Bytes& module, std::size_t instances = 1) {
    const auto instance = join({{0}, leb(count(component, Part::Module)), {0}});
    return join({component, section(Part::Module, module),
                 section(Part::CoreInstance, repeated(instance, instances))});
}

/// `component`, which also makes instances of the component `nested`.
inline Bytes with_component(const Bytes& component, const Bytes& nested, std::size_t instances) {
    const auto instance = join({{0}, leb(count(component, Part::Component)), {0}});
    return join({component, section(Part::Component, nested),
                 section(Part::Instance, repeated(instance, instances))});
}

}  // namespace wavs::engine::wasm
