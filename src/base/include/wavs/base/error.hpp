// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

namespace wavs::base {

/// What the caller may do about a failure. Retry policies and HTTP statuses are chosen from this
/// alone, so a new failure needs no new code elsewhere.
enum class ErrorKind {
    Invalid,      ///< the input must be changed
    NotFound,     ///< the named thing does not exist
    Conflict,     ///< it exists already, or is in a state that forbids this
    Denied,       ///< not allowed for this caller
    TooLarge,     ///< above a stated limit
    Overloaded,   ///< later
    Unavailable,  ///< elsewhere, or after a back-off
    Timeout,      ///< took longer than its limit
    Cancelled,    ///< the node or the task is stopping
    Guest,        ///< the component is at fault
    Unsupported,  ///< needs a newer node, or a feature that is not there
    Bug,          ///< ours
};

std::string_view to_string(ErrorKind kind);

/// A stable name for one failure, such as "service_exists": part of the product, shown over HTTP
/// and in logs, never renamed. Always a string literal.
class ErrorCode {
public:
    consteval ErrorCode(const char* text) : text_(text) {}  // NOLINT(google-explicit-constructor)
    constexpr std::string_view view() const { return text_; }
    friend constexpr bool operator==(ErrorCode a, ErrorCode b) { return a.text_ == b.text_; }

private:
    std::string_view text_;
};

/// The node's only error type. `message` is one sentence that names what failed and where;
/// `remedy` says what to do, empty where nothing can be done. The context grows outward with
/// `with()`. An error is logged once, by the module that stops its travel.
class [[nodiscard]] Error {
public:
    Error(ErrorKind kind, ErrorCode code, std::string message, std::string remedy = {})
        : kind_(kind), code_(code), message_(std::move(message)), remedy_(std::move(remedy)) {}

    ErrorKind kind() const { return kind_; }
    ErrorCode code() const { return code_; }
    const std::string& message() const { return message_; }
    const std::string& remedy() const { return remedy_; }

    /// Puts a context in front: `with("service {}", id)` gives "service X: <message>".
    template <typename... Args>
    Error with(fmt::format_string<Args...> format, Args&&... args) && {
        message_ = fmt::format(format, std::forward<Args>(args)...) + ": " + message_;
        return std::move(*this);
    }

    Error with_remedy(std::string remedy) && {
        remedy_ = std::move(remedy);
        return std::move(*this);
    }

    /// "<message> (<remedy>)", for logs and terminals.
    std::string full_text() const;

private:
    ErrorKind kind_;
    ErrorCode code_;
    std::string message_;
    std::string remedy_;
};

}  // namespace wavs::base
