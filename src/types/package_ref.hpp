// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace wavs::types {

/// Each returns what is wrong with the text, empty when it is right.

/// An absolute URI: a scheme, a colon, and only characters that RFC 3986 allows.
std::string check_uri(std::string_view text);
/// Semantic versioning 2.0, nothing left out.
std::string check_version(std::string_view text);
/// `namespace:name`, both words of a-z and 0-9 joined by dashes.
std::string check_package(std::string_view text);

}  // namespace wavs::types
