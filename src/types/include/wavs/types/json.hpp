// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/result.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace wavs::types::json {

/// Containers inside containers that a value we keep may have; deeper ones are skipped unread.
inline constexpr std::size_t kMaxDepth = 128;

enum class Kind : std::uint8_t { Null, Bool, Number, String, Array, Object };
/// Whether // and /* */ count as blanks: only for files that a person wrote for the command line.
enum class Comments { Refuse, Allow };

class Document;
class Items;
class Members;

/// A place in a `Document`, valid as long as it. Strings are views into the text where they have
/// no escapes; numbers are kept as their text, so that no digit is lost.
class Value {
public:
    Kind kind() const;
    bool is_null() const { return kind() == Kind::Null; }
    bool is_string() const { return kind() == Kind::String; }
    bool is_array() const { return kind() == Kind::Array; }
    bool is_object() const { return kind() == Kind::Object; }

    /// Of a Bool.
    bool boolean() const;
    /// Of a String its characters, of a Number its digits as written; else empty.
    std::string_view text() const;
    /// The source text of this value, whatever its kind.
    std::string_view source() const;
    /// Number of items or members; walks over them.
    std::size_t size() const;
    /// Of an Array; empty for other kinds.
    Items items() const;
    /// Of an Object, in the order of the text, duplicates included; empty for other kinds.
    Members members() const;
    /// The member of that name, the last one if there are several.
    std::optional<Value> find(std::string_view name) const;

    /// "path: reason at line L column C" with code `json_shape`: well-formed but not what we need.
    base::Error shape_error(std::string_view reason) const;
    /// The same with code `json_syntax`.
    base::Error syntax_error(std::string_view reason) const;
    /// The same with the caller's kind and code.
    base::Error error(base::ErrorKind kind, base::ErrorCode code, std::string_view reason) const;
    /// As `shape_error`, with the path of this value but the position of `at`.
    base::Error shape_error_at(const Value& at, std::string_view reason) const;
    /// Containers around this value.
    std::size_t depth() const;

private:
    friend class Document;
    friend class ItemIterator;
    friend class MemberIterator;
    Value(const Document* document, std::uint32_t index) : document_(document), index_(index) {}
    std::uint32_t past() const;

    const Document* document_;
    std::uint32_t index_;
};

struct Member {
    /// A String, its text is the name.
    Value name;
    Value value;
};

class ItemIterator {
public:
    using value_type = Value;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    Value operator*() const { return {document_, index_}; }
    ItemIterator& operator++();
    friend bool operator==(const ItemIterator&, const ItemIterator&) = default;

private:
    friend class Value;
    ItemIterator(const Document* document, std::uint32_t index)
        : document_(document), index_(index) {}
    const Document* document_;
    std::uint32_t index_;
};

class MemberIterator {
public:
    using value_type = Member;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    Member operator*() const { return {Value(document_, index_), Value(document_, index_ + 1)}; }
    MemberIterator& operator++();
    friend bool operator==(const MemberIterator&, const MemberIterator&) = default;

private:
    friend class Value;
    MemberIterator(const Document* document, std::uint32_t index)
        : document_(document), index_(index) {}
    const Document* document_;
    std::uint32_t index_;
};

class Items {
public:
    Items(ItemIterator begin, ItemIterator end) : begin_(begin), end_(end) {}
    ItemIterator begin() const { return begin_; }
    ItemIterator end() const { return end_; }

private:
    ItemIterator begin_;
    ItemIterator end_;
};

class Members {
public:
    Members(MemberIterator begin, MemberIterator end) : begin_(begin), end_(end) {}
    MemberIterator begin() const { return begin_; }
    MemberIterator end() const { return end_; }

private:
    MemberIterator begin_;
    MemberIterator end_;
};

/// A parsed text: one flat array of nodes, 16 bytes each. Borrows the text, which must outlive it.
/// The parser does not recurse. Errors: code `json_syntax`, message "path: reason at line L column
/// C"; the reasons are those of docs/protocol/01-values.md 1.4.
class Document {
public:
    static base::Result<Document> parse(std::string_view text,
                                        Comments comments = Comments::Refuse);
    /// A temporary would be gone before its document.
    template <std::same_as<std::string> Temporary>
    static base::Result<Document> parse(Temporary&&, Comments = Comments::Refuse) = delete;
    Document(Document&&) noexcept;
    Document& operator=(Document&&) noexcept;
    ~Document();

    /// Valid only while this Document stays where it is.
    Value root() const { return {this, 0}; }

private:
    friend class Value;
    friend class ItemIterator;
    friend class MemberIterator;
    friend class Parser;
    struct Impl;
    explicit Document(std::unique_ptr<Impl> impl);
    base::Error make_error(std::uint32_t path_of, std::uint32_t position, base::ErrorKind kind,
                           base::ErrorCode code, std::string_view reason) const;
    std::unique_ptr<Impl> impl_;
};

/// Appends canonical compact JSON (docs/protocol/01-values.md 1.2) to a string. The caller keeps
/// the nesting right: `key()` before each value in an object.
class Writer {
public:
    explicit Writer(std::string& out) : out_(out) {}

    void begin_object() { open('{'); }
    void end_object() { close('}'); }
    void begin_array() { open('['); }
    void end_array() { close(']'); }
    void key(std::string_view name);
    void string(std::string_view text);
    void null() { raw("null"); }
    void boolean(bool value) { raw(value ? "true" : "false"); }
    void number(std::uint64_t value);
    void number(std::int64_t value);
    void number(unsigned __int128 value);
    /// Shortest text that reads back as the same value: docs/protocol/01-values.md 1.3.
    void number(double value);
    void number(float value);
    /// A text that is JSON already.
    void raw(std::string_view text);

private:
    void open(char bracket);
    void close(char bracket);
    void separate();

    std::string& out_;
    bool comma_ = false;
};

/// The number formats of `Writer` alone.
std::string number_text(double value);
std::string number_text(float value);
std::string number_text(unsigned __int128 value);

}  // namespace wavs::types::json
