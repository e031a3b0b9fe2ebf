// SPDX-License-Identifier: Apache-2.0
#include "wavs/net/http_message.hpp"

#include <boost/beast/http/status.hpp>

#include <algorithm>

namespace wavs::net {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_name(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

void Headers::add(std::string name, std::string value) {
    fields_.emplace_back(std::move(name), std::move(value));
}

void Headers::set(std::string name, std::string value) {
    remove(name);
    add(std::move(name), std::move(value));
}

void Headers::remove(std::string_view name) {
    std::erase_if(fields_, [name](const Field& field) { return same_name(field.first, name); });
}

std::optional<std::string_view> Headers::find(std::string_view name) const {
    for (const auto& [key, value] : fields_) {
        if (same_name(key, name)) {
            return value;
        }
    }
    return std::nullopt;
}

Response Response::text(unsigned status, std::string body) {
    Response out;
    out.status = status;
    out.headers.add("content-type", "text/plain; charset=utf-8");
    out.body = std::move(body);
    return out;
}

std::string_view status_name(unsigned status) {
    const auto text =
        boost::beast::http::obsolete_reason(boost::beast::http::int_to_status(status));
    return text == "<unknown-status>" ? std::string_view("Unknown")
                                      : std::string_view(text.data(), text.size());
}

}  // namespace wavs::net
