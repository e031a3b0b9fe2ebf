// SPDX-License-Identifier: Apache-2.0
#pragma once

// Work that services do, for the comparison of guests with native code: this file is compiled for
// both. Every kernel answers with a checksum, so that the two can be compared and nothing is left
// out.

#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kernels {

// SHA-256 over 4 KiB, each round over bytes that depend on the last one.
class Sha256 {
public:
    static std::uint64_t run(std::uint64_t rounds) {
        std::array<std::uint8_t, kSize> data{};
        for (std::size_t i = 0; i < data.size(); ++i) {
            data[i] = static_cast<std::uint8_t>(i * 31);
        }
        std::uint64_t sum = 0;
        for (std::uint64_t i = 0; i < rounds; ++i) {
            const auto state = digest(data);
            sum = sum * 31 + state[0];
            data[i % kSize] ^= static_cast<std::uint8_t>(state[7]);
        }
        return sum;
    }

private:
    static constexpr std::size_t kSize = 4096;
    static constexpr std::size_t kBlock = 64;
    using State = std::array<std::uint32_t, 8>;

    static constexpr std::array<std::uint32_t, 64> kConstants = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
        0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
        0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
        0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
        0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
        0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
        0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
        0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
        0xc67178f2};

    static constexpr std::uint32_t turn(std::uint32_t x, unsigned n) {
        return (x >> n) | (x << (32 - n));
    }

    static void add_block(State& state, const std::uint8_t* block) {
        std::array<std::uint32_t, 64> w{};
        for (std::size_t i = 0; i < 16; ++i) {
            w[i] = static_cast<std::uint32_t>(block[4 * i]) << 24 |
                   static_cast<std::uint32_t>(block[4 * i + 1]) << 16 |
                   static_cast<std::uint32_t>(block[4 * i + 2]) << 8 | block[4 * i + 3];
        }
        for (std::size_t i = 16; i < 64; ++i) {
            const auto a = w[i - 15];
            const auto b = w[i - 2];
            w[i] = w[i - 16] + (turn(a, 7) ^ turn(a, 18) ^ (a >> 3)) + w[i - 7] +
                   (turn(b, 17) ^ turn(b, 19) ^ (b >> 10));
        }
        auto s = state;
        for (std::size_t i = 0; i < 64; ++i) {
            const auto one = s[7] + (turn(s[4], 6) ^ turn(s[4], 11) ^ turn(s[4], 25)) +
                             ((s[4] & s[5]) ^ (~s[4] & s[6])) + kConstants[i] + w[i];
            const auto two = (turn(s[0], 2) ^ turn(s[0], 13) ^ turn(s[0], 22)) +
                             ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
            s = {one + two, s[0], s[1], s[2], s[3] + one, s[4], s[5], s[6]};
        }
        for (std::size_t i = 0; i < 8; ++i) {
            state[i] += s[i];
        }
    }

    static State digest(const std::array<std::uint8_t, kSize>& data) {
        State state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                       0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
        for (std::size_t at = 0; at < kSize; at += kBlock) {
            add_block(state, &data[at]);
        }
        std::array<std::uint8_t, kBlock> last{};
        last[0] = 0x80;
        last[kBlock - 2] = static_cast<std::uint8_t>(kSize * 8 >> 8);
        add_block(state, last.data());
        return state;
    }
};

// A document of some kB is read into a tree and written again.
class Json {
public:
    static std::uint64_t run(std::uint64_t rounds) {
        const auto text = document();
        std::uint64_t sum = 0;
        for (std::uint64_t i = 0; i < rounds; ++i) {
            Json reader(text);
            const auto tree = reader.value();
            std::string written;
            write(tree, written);
            sum = sum * 31 + written.size() + static_cast<std::uint8_t>(written[i % text.size()]);
        }
        return sum;
    }

private:
    struct Value {
        char kind = 'n';
        double number = 0;
        std::string text = {};
        std::vector<Value> items = {};
        std::vector<std::pair<std::string, Value>> members = {};
    };

    explicit Json(std::string_view text) : rest_(text) {}

    static std::string document() {
        std::string text = "[";
        for (int i = 0; i < 32; ++i) {
            const auto number = std::to_string(i * 7919);
            text += std::string(i == 0 ? "" : ", ") + "{\"id\": " + number +
                    ", \"owner\": \"account-" + number +
                    "\", \"tags\": [\"a\\n\\\"b\\\"\", \"price\", \"\"], \"price\": " + number +
                    ".25, \"open\": true, \"parent\": null}";
        }
        return text + "]";
    }

    char next() {
        while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\n')) {
            rest_.remove_prefix(1);
        }
        return rest_.empty() ? '\0' : rest_[0];
    }

    char take() {
        const char c = next();
        rest_.remove_prefix(c == '\0' ? 0 : 1);
        return c;
    }

    std::string text() {
        std::string out;
        (void)take();
        while (!rest_.empty() && rest_[0] != '"') {
            char c = rest_[0];
            if (c == '\\' && rest_.size() > 1) {
                rest_.remove_prefix(1);
                c = rest_[0] == 'n' ? '\n' : rest_[0];
            }
            out += c;
            rest_.remove_prefix(1);
        }
        (void)take();
        return out;
    }

    double number() {
        double value = 0;
        double unit = 1;
        bool fraction = false;
        while (!rest_.empty() && ((rest_[0] >= '0' && rest_[0] <= '9') || rest_[0] == '.')) {
            if (rest_[0] == '.') {
                fraction = true;
            } else if (fraction) {
                unit /= 10;
                value += unit * (rest_[0] - '0');
            } else {
                value = value * 10 + (rest_[0] - '0');
            }
            rest_.remove_prefix(1);
        }
        return value;
    }

    Value word() {
        const char kind = rest_[0];
        rest_.remove_prefix(kind == 'f' ? 5 : 4);
        return {.kind = kind};
    }

    Value value() {
        switch (next()) {
            case '{':
                return object();
            case '[':
                return array();
            case '"':
                return {.kind = '"', .text = text()};
            case 't':
            case 'f':
            case 'n':
                return word();
            default:
                return {.kind = '0', .number = number()};
        }
    }

    Value array() {
        Value out{.kind = '['};
        (void)take();
        while (next() != ']' && next() != '\0') {
            out.items.push_back(value());
            if (next() == ',') {
                (void)take();
            }
        }
        (void)take();
        return out;
    }

    Value object() {
        Value out{.kind = '{'};
        (void)take();
        while (next() == '"') {
            auto name = text();
            (void)take();
            out.members.emplace_back(std::move(name), value());
            if (next() == ',') {
                (void)take();
            }
        }
        (void)take();
        return out;
    }

    static void write_text(std::string_view text, std::string& out) {
        out += '"';
        for (const char c : text) {
            if (c == '"' || c == '\\' || c == '\n') {
                out += '\\';
            }
            out += c == '\n' ? 'n' : c;
        }
        out += '"';
    }

    static void write(const Value& value, std::string& out) {
        switch (value.kind) {
            case '{':
                out += '{';
                for (const auto& [name, member] : value.members) {
                    write_text(name, out);
                    out += ':';
                    write(member, out);
                    out += ',';
                }
                out += '}';
                break;
            case '[':
                out += '[';
                for (const auto& item : value.items) {
                    write(item, out);
                    out += ',';
                }
                out += ']';
                break;
            case '"':
                write_text(value.text, out);
                break;
            case '0':
                out += std::to_string(static_cast<std::uint64_t>(value.number * 100));
                break;
            default:
                out += value.kind == 't' ? "true" : value.kind == 'f' ? "false" : "null";
        }
    }

    std::string_view rest_;
};

// Multiplication in the field of secp256k1, p = 2^256 - kFold, as signatures need it. `Limb` is
// the word the numbers are made of, `Wide` twice as wide.
template <typename Limb, typename Wide>
class Multiply256 {
public:
    static std::uint64_t run(std::uint64_t rounds) {
        Number a{};
        Number b{};
        for (std::size_t i = 0; i < kLimbs; ++i) {
            a[i] = static_cast<Limb>(0x9e3779b97f4a7c15U * (i + 1));
            b[i] = static_cast<Limb>(0xc2b2ae3d27d4eb4fU * (i + 1));
        }
        for (std::uint64_t i = 0; i < rounds; ++i) {
            a = multiply(a, b);
        }
        std::uint64_t sum = 0;
        for (const auto limb : a) {
            sum = sum * 31 + limb;
        }
        return sum;
    }

private:
    static constexpr unsigned kBits = sizeof(Limb) * 8;
    static constexpr std::size_t kLimbs = 256 / kBits;
    using Number = std::array<Limb, kLimbs>;
    using Product = std::array<Limb, 2 * kLimbs>;

    static Product full_product(const Number& a, const Number& b) {
        Product out{};
        for (std::size_t i = 0; i < kLimbs; ++i) {
            Limb carry = 0;
            for (std::size_t j = 0; j < kLimbs; ++j) {
                const Wide sum = static_cast<Wide>(a[i]) * b[j] + out[i + j] + carry;
                out[i + j] = static_cast<Limb>(sum);
                carry = static_cast<Limb>(sum >> kBits);
            }
            out[i + kLimbs] = carry;
        }
        return out;
    }

    // 2^256 is the same as kFold = 2^32 + 977.
    static Wide fold(Number& low, const Limb* high, std::size_t count) {
        Wide carry = 0;
        for (std::size_t i = 0; i < kLimbs; ++i) {
            Wide sum = carry + low[i];
            if constexpr (kBits == 64) {
                if (i < count) {
                    sum += static_cast<Wide>(high[i]) * 0x1000003d1U;
                }
            } else {
                sum += i < count ? static_cast<Wide>(high[i]) * 977U : 0U;
                sum += i > 0 && i - 1 < count ? high[i - 1] : 0U;
            }
            low[i] = static_cast<Limb>(sum);
            carry = sum >> kBits;
        }
        if (kBits == 32 && count == kLimbs) {
            carry += high[kLimbs - 1];
        }
        return carry;
    }

    static Number multiply(const Number& a, const Number& b) {
        const auto product = full_product(a, b);
        Number low{};
        for (std::size_t i = 0; i < kLimbs; ++i) {
            low[i] = product[i];
        }
        auto carry = fold(low, &product[kLimbs], kLimbs);
        // What is left beyond 256 bits is small, and gone after two more turns.
        for (int turn = 0; turn < 2; ++turn) {
            const std::array<Limb, 2> high = {static_cast<Limb>(carry),
                                              static_cast<Limb>(carry >> kBits)};
            carry = fold(low, high.data(), high.size());
        }
        return low;
    }
};

// The kernel of that name, or 0 when there is none.
inline std::uint64_t run(std::string_view name, std::uint64_t rounds) {
    if (name == "sha256") {
        return Sha256::run(rounds);
    }
    if (name == "json") {
        return Json::run(rounds);
    }
    if (name == "mul256_32") {
        return Multiply256<std::uint32_t, std::uint64_t>::run(rounds);
    }
    if (name == "mul256_64") {
        __extension__ typedef unsigned __int128 Wide;
        return Multiply256<std::uint64_t, Wide>::run(rounds);
    }
    return 0;
}

}  // namespace kernels
