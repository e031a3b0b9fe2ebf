// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/error.hpp"
#include "wavs/net/http_message.hpp"

#include <string>
#include <string_view>

namespace wavs::http {

inline constexpr std::string_view kPlainText = "text/plain; charset=utf-8";
inline constexpr std::string_view kJson = "application/json";
inline constexpr std::string_view kBinary = "application/octet-stream";
inline constexpr std::string_view kPrometheusText = "text/plain; version=0.0.4; charset=utf-8";

net::Response empty_reply(unsigned status);
net::Response reply(unsigned status, std::string_view content_type, std::string body);

/// Whether an error body is the bare sentence or an object: `Accept: application/json` asks for it.
enum class ErrorForm { Sentence, Json };
ErrorForm error_form(const net::Headers& request);

/// An empty message gives an empty body in the form of a sentence.
net::Response error_reply(const base::Error& error, ErrorForm form);

bool equals_ignore_case(std::string_view a, std::string_view b);
std::string_view trim_blanks(std::string_view text);

}  // namespace wavs::http
