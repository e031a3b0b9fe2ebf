// SPDX-License-Identifier: Apache-2.0
#include "wavs/types/json_tree.hpp"

#include "wavs/types/json.hpp"

#include <bit>
#include <charconv>
#include <map>

namespace wavs::types::json {
namespace {

using base::Result;

Result<Tree> read_at(const Value& value, std::size_t depth);

Result<Tree> read_number(const Value& value) {
    const std::string_view text = value.text();
    const char* const first = text.data();
    const char* const last = first + text.size();
    if (text != "-0" && text.find_first_of(".eE") == std::string_view::npos) {
        std::uint64_t positive = 0;
        const auto unsigned_read = std::from_chars(first, last, positive);
        if (unsigned_read.ec == std::errc() && unsigned_read.ptr == last) {
            return Tree{positive};
        }
        std::int64_t negative = 0;
        const auto read = std::from_chars(first, last, negative);
        if (read.ec == std::errc() && read.ptr == last) {
            return Tree{negative};
        }
    }
    double number = 0;
    if (std::from_chars(first, last, number).ec == std::errc()) {
        return Tree{number};
    }
    return value.syntax_error("number out of range");
}

Result<Tree> read_object(const Value& value, std::size_t depth) {
    std::map<std::string, Tree, std::less<>> members;
    for (const Member member : value.members()) {
        WAVS_TRY(auto content, read_at(member.value, depth + 1));
        members.insert_or_assign(std::string(member.name.text()), std::move(content));
    }
    Tree::Object sorted;
    sorted.reserve(members.size());
    for (auto& [name, content] : members) {
        sorted.push_back({name, std::move(content)});
    }
    return Tree{std::move(sorted)};
}

Result<Tree> read_array(const Value& value, std::size_t depth) {
    Tree::Array items;
    for (const Value item : value.items()) {
        WAVS_TRY(auto content, read_at(item, depth + 1));
        items.push_back(std::move(content));
    }
    return Tree{std::move(items)};
}

/// Recurses, bounded by kMaxDepth.
Result<Tree> read_at(const Value& value, std::size_t depth) {
    switch (value.kind()) {
        case Kind::Null:
            return Tree{};
        case Kind::Bool:
            return Tree{value.boolean()};
        case Kind::Number:
            return read_number(value);
        case Kind::String:
            return Tree{std::string(value.text())};
        case Kind::Array:
        case Kind::Object:
            break;
    }
    if (depth >= kMaxDepth) {
        return value.syntax_error("recursion limit exceeded");
    }
    return value.is_array() ? read_array(value, depth) : read_object(value, depth);
}

struct TreeWriter {
    Writer& out;

    void operator()(std::monostate) const { out.null(); }
    void operator()(bool value) const { out.boolean(value); }
    void operator()(std::uint64_t value) const { out.number(value); }
    void operator()(std::int64_t value) const { out.number(value); }
    void operator()(double value) const { out.number(value); }
    void operator()(const std::string& value) const { out.string(value); }
    void operator()(const Tree::Array& items) const {
        out.begin_array();
        for (const Tree& item : items) {
            write_json(out, item);
        }
        out.end_array();
    }
    void operator()(const Tree::Object& members) const {
        out.begin_object();
        for (const TreeMember& member : members) {
            out.key(member.name);
            write_json(out, member.value);
        }
        out.end_object();
    }
};

}  // namespace

bool operator==(const Tree& a, const Tree& b) {
    const auto* x = std::get_if<double>(&a.value);
    const auto* y = std::get_if<double>(&b.value);
    if (x != nullptr && y != nullptr) {
        // By bits: -0.0 and 0.0 are different texts and different hashes.
        return std::bit_cast<std::uint64_t>(*x) == std::bit_cast<std::uint64_t>(*y);
    }
    return a.value == b.value;
}

bool operator==(const TreeMember& a, const TreeMember& b) {
    return a.name == b.name && a.value == b.value;
}

Result<Tree> read_tree(const Value& value) { return read_at(value, value.depth()); }

Result<Tree> parse_tree(std::string_view text) {
    WAVS_TRY(auto document, Document::parse(text));
    return read_tree(document.root());
}

void write_json(Writer& out, const Tree& tree) { std::visit(TreeWriter{out}, tree.value); }

std::string to_json(const Tree& tree) {
    std::string out;
    Writer writer(out);
    write_json(writer, tree);
    return out;
}

}  // namespace wavs::types::json
