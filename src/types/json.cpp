// SPDX-License-Identifier: Apache-2.0
#include "wavs/types/json.hpp"

#include "json_document.hpp"

#include <algorithm>

namespace wavs::types::json {

Document::Document(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Document::Document(Document&&) noexcept = default;
Document& Document::operator=(Document&&) noexcept = default;
Document::~Document() = default;

Kind Value::kind() const { return document_->impl_->nodes[index_].kind; }

bool Value::boolean() const {
    return kind() == Kind::Bool &&
           document_->impl_->text[document_->impl_->nodes[index_].begin] == 't';
}

std::string_view Value::source() const {
    const Node& node = document_->impl_->nodes[index_];
    return document_->impl_->text.substr(node.begin, node.end - node.begin);
}

std::string_view Value::text() const {
    const Node& node = document_->impl_->nodes[index_];
    if (node.kind == Kind::String) {
        return node.escaped
                   ? std::string_view(document_->impl_->decoded[node.link])
                   : document_->impl_->text.substr(node.begin + 1, node.end - node.begin - 2);
    }
    return node.kind == Kind::Number ? source() : std::string_view();
}

std::uint32_t Value::past() const {
    const Node& node = document_->impl_->nodes[index_];
    const bool container = node.kind == Kind::Array || node.kind == Kind::Object;
    return container ? node.link : index_ + 1;
}

std::size_t Value::size() const {
    std::size_t count = 0;
    for ([[maybe_unused]] const Value item : items()) {
        ++count;
    }
    for ([[maybe_unused]] const Member member : members()) {
        ++count;
    }
    return count;
}

Items Value::items() const {
    const std::uint32_t begin = is_array() ? index_ + 1 : past();
    return {ItemIterator(document_, begin), ItemIterator(document_, past())};
}

Members Value::members() const {
    const std::uint32_t begin = is_object() ? index_ + 1 : past();
    return {MemberIterator(document_, begin), MemberIterator(document_, past())};
}

std::optional<Value> Value::find(std::string_view name) const {
    std::optional<Value> found;
    for (const Member member : members()) {
        if (member.name.text() == name) {
            found = member.value;
        }
    }
    return found;
}

ItemIterator& ItemIterator::operator++() {
    index_ = Value(document_, index_).past();
    return *this;
}

MemberIterator& MemberIterator::operator++() {
    index_ = Value(document_, index_ + 1).past();
    return *this;
}

std::size_t Value::depth() const {
    std::size_t depth = 0;
    const auto& nodes = document_->impl_->nodes;
    for (std::uint32_t at = 0; at < index_;) {
        const bool container = nodes[at].kind == Kind::Array || nodes[at].kind == Kind::Object;
        const bool inside = container && index_ < nodes[at].link;
        depth += inside ? 1 : 0;
        at = inside || !container ? at + 1 : nodes[at].link;
    }
    return depth;
}

base::Error Value::error(base::ErrorKind kind, base::ErrorCode code,
                         std::string_view reason) const {
    return document_->make_error(index_, document_->impl_->nodes[index_].end, kind, code, reason);
}

base::Error Value::shape_error(std::string_view reason) const {
    return error(base::ErrorKind::Invalid, "json_shape", reason);
}

base::Error Value::syntax_error(std::string_view reason) const {
    return error(base::ErrorKind::Invalid, "json_syntax", reason);
}

base::Error Value::shape_error_at(const Value& at, std::string_view reason) const {
    return document_->make_error(index_, document_->impl_->nodes[at.index_].end,
                                 base::ErrorKind::Invalid, "json_shape", reason);
}

base::Error Document::make_error(std::uint32_t path_of, std::uint32_t position,
                                 base::ErrorKind kind, base::ErrorCode code,
                                 std::string_view reason) const {
    return located_error(impl_->text, position, impl_->path(path_of), kind, code, reason);
}

std::string Document::Impl::path(std::uint32_t target) const {
    std::string out;
    std::uint32_t at = 0;
    while (at != target) {
        const bool object = nodes[at].kind == Kind::Object;
        std::uint32_t child = at + 1;
        std::uint32_t name = child;
        for (std::size_t index = 0;; ++index) {
            name = child;
            child += object ? 1 : 0;
            const std::uint32_t past = child_end(child);
            if (target < past) {
                if (object) {
                    append_name(out, string_at(name));
                } else {
                    append_index(out, index);
                }
                break;
            }
            child = past;
        }
        at = target == name ? target : child;
    }
    return out;
}

std::uint32_t Document::Impl::child_end(std::uint32_t index) const {
    const bool container = nodes[index].kind == Kind::Array || nodes[index].kind == Kind::Object;
    return container ? nodes[index].link : index + 1;
}

std::string_view Document::Impl::string_at(std::uint32_t index) const {
    const Node& node = nodes[index];
    return node.escaped ? std::string_view(decoded[node.link])
                        : text.substr(node.begin + 1, node.end - node.begin - 2);
}

void append_name(std::string& path, std::string_view name) {
    if (!path.empty()) {
        path.push_back('.');
    }
    path.append(name);
}

void append_index(std::string& path, std::size_t index) { path += fmt::format("[{}]", index); }

base::Error located_error(std::string_view text, std::size_t position, std::string_view path,
                          base::ErrorKind kind, base::ErrorCode code, std::string_view reason) {
    const std::string_view before = text.substr(0, position);
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const std::size_t newline = before.rfind('\n');
    const std::size_t column =
        newline == std::string_view::npos ? before.size() : before.size() - newline - 1;
    constexpr std::size_t kMaxPath = 300;
    const bool cut = path.size() > kMaxPath;
    return {kind, code,
            fmt::format("{}{}{}{} at line {} column {}", path.substr(0, kMaxPath), cut ? "..." : "",
                        path.empty() ? "" : ": ", reason, line, column)};
}

}  // namespace wavs::types::json
