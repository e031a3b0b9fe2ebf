// SPDX-License-Identifier: Apache-2.0
#include "wavs/aggregator/divergence.hpp"

#include "aggregator_parts.hpp"
#include "wavs/base/hex.hpp"
#include "wavs/types/json.hpp"
#include "wavs/types/json_tree.hpp"

#include <algorithm>
#include <map>

namespace wavs::aggregator {
namespace {

using types::json::Tree;

constexpr std::size_t kWord = 32;
constexpr std::size_t kMostShown = 512;
constexpr std::size_t kAround = 16;

std::string shortened(std::string text) {
    if (text.size() > kMostShown) {
        text.resize(kMostShown);
        text += "...";
    }
    return text;
}

bool is_printable(base::ByteView bytes) {
    return std::all_of(bytes.begin(), bytes.end(),
                       [](std::uint8_t byte) { return byte >= 0x20 && byte < 0x7f; });
}

bool is_abi(base::ByteView bytes) { return !bytes.empty() && bytes.size() % kWord == 0; }

// A small number as such, else hexadecimal.
std::string word_text(base::ByteView word) {
    const auto first = std::find_if(word.begin(), word.end(), [](auto byte) { return byte != 0; });
    const auto digits = static_cast<std::size_t>(word.end() - first);
    if (digits > 8) {
        return base::hex0x(word);
    }
    std::uint64_t number = 0;
    for (auto at = first; at != word.end(); ++at) {
        number = number << 8 | *at;
    }
    return std::to_string(number);
}

std::string escaped(const std::string& name) {
    std::string out;
    for (const char one : name) {
        out += one == '~' ? "~0" : (one == '/' ? "~1" : std::string(1, one));
    }
    return out;
}

/// Collects the differences of two JSON values.
class TreeComparison {
public:
    TreeComparison(std::vector<PayloadDifference>& out, std::size_t most)
        : out_(out), most_(most) {}

    void compare(const Tree& left, const Tree& right, const std::string& path) {
        if (out_.size() >= most_ || left == right) {
            return;
        }
        const auto* a = std::get_if<Tree::Object>(&left.value);
        const auto* b = std::get_if<Tree::Object>(&right.value);
        if (a != nullptr && b != nullptr) {
            return compare_objects(*a, *b, path);
        }
        const auto* c = std::get_if<Tree::Array>(&left.value);
        const auto* d = std::get_if<Tree::Array>(&right.value);
        if (c != nullptr && d != nullptr) {
            return compare_arrays(*c, *d, path);
        }
        add(path, types::json::to_json(left), types::json::to_json(right));
    }

private:
    void compare_objects(const Tree::Object& left, const Tree::Object& right,
                         const std::string& path) {
        std::map<std::string, std::pair<const Tree*, const Tree*>> members;
        for (const auto& one : left) {
            members[one.name].first = &one.value;
        }
        for (const auto& one : right) {
            members[one.name].second = &one.value;
        }
        for (const auto& [name, both] : members) {
            compare_members(both.first, both.second, path + "/" + escaped(name));
        }
    }
    void compare_arrays(const Tree::Array& left, const Tree::Array& right,
                        const std::string& path) {
        for (std::size_t i = 0; i < std::max(left.size(), right.size()); ++i) {
            compare_members(i < left.size() ? &left[i] : nullptr,
                            i < right.size() ? &right[i] : nullptr, path + "/" + std::to_string(i));
        }
    }
    void compare_members(const Tree* left, const Tree* right, const std::string& path) {
        if (left != nullptr && right != nullptr) {
            return compare(*left, *right, path);
        }
        add(path, left == nullptr ? "" : types::json::to_json(*left),
            right == nullptr ? "" : types::json::to_json(*right));
    }
    void add(const std::string& path, std::string left, std::string right) {
        if (out_.size() < most_) {
            out_.push_back({path.empty() ? "/" : path, shortened(std::move(left)),
                            shortened(std::move(right))});
        }
    }

    std::vector<PayloadDifference>& out_;
    const std::size_t most_;
};

std::vector<PayloadDifference> compare_words(base::ByteView left, base::ByteView right,
                                             std::size_t most) {
    std::vector<PayloadDifference> out;
    const auto word_of = [](base::ByteView all, std::size_t word) {
        return word * kWord < all.size() ? word_text(all.subspan(word * kWord, kWord)) : "";
    };
    const auto words = std::max(left.size(), right.size()) / kWord;
    for (std::size_t word = 0; word < words && out.size() < most; ++word) {
        auto a = word_of(left, word);
        auto b = word_of(right, word);
        if (a != b) {
            out.push_back({"word " + std::to_string(word), std::move(a), std::move(b)});
        }
    }
    return out;
}

std::string around(base::ByteView bytes, std::size_t at) {
    const auto from = bytes.subspan(std::min(at, bytes.size()));
    return base::hex0x(from.first(std::min(kAround, from.size())));
}

std::string signers_text(const std::vector<const types::SubmissionRecord*>& signers) {
    std::string out;
    for (const auto* one : signers) {
        out += out.empty() ? "" : ", ";
        out += types::to_checksum_string(one->signer);
        out += one->peer == kSelf ? " (this node)" : "";
    }
    return out;
}

}  // namespace

ReadablePayload read_payload(base::ByteView payload) {
    const auto text = base::as_text(payload);
    if (auto json = types::json::parse_tree(text); !payload.empty() && json.has_value()) {
        return {"json", shortened(std::string(text))};
    }
    if (!payload.empty() && is_printable(payload)) {
        return {"text", shortened(std::string(text))};
    }
    if (is_abi(payload)) {
        std::string words;
        for (std::size_t at = 0; at < payload.size() && words.size() < kMostShown; at += kWord) {
            words += (at == 0 ? "" : " ") + word_text(payload.subspan(at, kWord));
        }
        return {"abi", shortened(std::move(words))};
    }
    return {"bytes", shortened(base::hex0x(payload))};
}

std::vector<PayloadDifference> compare_payloads(base::ByteView left, base::ByteView right,
                                                std::size_t most) {
    std::vector<PayloadDifference> out;
    const auto at = static_cast<std::size_t>(
        std::mismatch(left.begin(), left.end(), right.begin(), right.end()).first - left.begin());
    if (at == left.size() && at == right.size()) {
        return out;
    }
    const auto a = types::json::parse_tree(base::as_text(left));
    const auto b = types::json::parse_tree(base::as_text(right));
    if (a.has_value() && b.has_value() && !(a.value() == b.value())) {
        TreeComparison(out, most).compare(a.value(), b.value(), "");
        return out;
    }
    if (is_abi(left) && is_abi(right)) {
        return compare_words(left, right, most);
    }
    out.push_back({"byte " + std::to_string(at), around(left, at), around(right, at)});
    return out;
}

std::vector<SignedResult> results_of(const std::vector<types::SubmissionRecord>& submissions) {
    std::map<types::Bytes32, SignedResult> by_digest;
    for (const auto& one : submissions) {
        if (!one.submission || one.state == types::ResultState::Waiting) {
            continue;
        }
        const auto digest = types::envelope_digest(one.submission->envelope);
        auto& result = by_digest[digest];
        result.digest = digest;
        result.envelope = &one.submission->envelope;
        result.signers.push_back(&one);
    }
    std::vector<SignedResult> out;
    for (auto& [digest, result] : by_digest) {
        out.push_back(std::move(result));
    }
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
        return std::pair(b.signers.size(), a.digest) < std::pair(a.signers.size(), b.digest);
    });
    return out;
}

std::vector<PayloadDifference> compare_results(const SignedResult& left, const SignedResult& right,
                                               std::size_t most) {
    auto out = compare_payloads(left.envelope->payload, right.envelope->payload, most);
    const auto& a = left.envelope->ordering;
    const auto& b = right.envelope->ordering;
    if (!(a == b)) {
        out.push_back({"ordering", base::hex0x(a.view()), base::hex0x(b.view())});
    }
    return out;
}

std::string divergence_text(const std::vector<SignedResult>& results) {
    std::string out;
    for (const auto& one : results) {
        const auto readable = read_payload(one.envelope->payload);
        out += fmt::format("{}{} signed {} {}", out.empty() ? "" : "; ", signers_text(one.signers),
                           readable.form, readable.text);
        for (const auto& part : compare_results(results.front(), one, 3)) {
            out += fmt::format(", {}: {} or {}", part.place, part.left, part.right);
        }
    }
    return out;
}

}  // namespace wavs::aggregator
