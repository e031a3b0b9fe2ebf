// SPDX-License-Identifier: Apache-2.0
#include "vectors.hpp"

#include "wavs/types/json_read.hpp"
#include "wavs/types/json_tree.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace wavs::types::json {
namespace {

std::string canonical(std::string_view text) {
    auto tree = parse_tree(text);
    return tree.has_value() ? to_json(tree.value()) : "error: " + tree.error().message();
}

TEST(JsonFloat, prints_the_shortest_text_that_reads_back) {
    EXPECT_EQ(number_text(1.0), "1.0");
    EXPECT_EQ(number_text(0.1), "0.1");
    EXPECT_EQ(number_text(1e21), "1e21");
    EXPECT_EQ(number_text(1e-7), "1e-7");
    EXPECT_EQ(number_text(-0.0), "-0.0");
    EXPECT_EQ(number_text(123456789012345680000.0), "123456789012345680000.0");
    EXPECT_EQ(number_text(1e-6), "0.000001");
    EXPECT_EQ(number_text(1.5e300), "1.5e300");
    EXPECT_EQ(number_text(-12.75), "-12.75");
    EXPECT_EQ(number_text(5e-324), "5e-324");
    EXPECT_EQ(number_text(0.025F), "0.025");
    EXPECT_EQ(number_text(std::numeric_limits<double>::infinity()), "null");
}

TEST(JsonFloat, every_spelling_gives_the_same_text) {
    EXPECT_EQ(canonical("[1.0,1e0,10E-1,0.10e1]"), "[1.0,1.0,1.0,1.0]");
    EXPECT_EQ(canonical("-0"), "-0.0");
    EXPECT_EQ(canonical("-0.0"), "-0.0");
    EXPECT_EQ(canonical("1e400"), "error: number out of range at line 1 column 5");
}

TEST(JsonNumber, integers_are_exact_up_to_64_bits) {
    EXPECT_EQ(canonical("[18446744073709551615,-9223372036854775808,0]"),
              "[18446744073709551615,-9223372036854775808,0]");
    EXPECT_EQ(canonical("18446744073709551616"), "18446744073709552000.0");
    EXPECT_EQ(canonical("-9223372036854775809"), "-9223372036854776000.0");
}

TEST(JsonNumber, u128_is_exact) {
    const auto read = [](std::string_view text) {
        auto document = must(Document::parse(text));
        return read_u128(document.root());
    };
    EXPECT_EQ(number_text(read("340282366920938463463374607431768211455").value()),
              "340282366920938463463374607431768211455");
    EXPECT_FALSE(read("340282366920938463463374607431768211456").has_value());
    EXPECT_FALSE(read("-1").has_value());
    EXPECT_FALSE(read("1.0").has_value());
}

TEST(JsonNumber, malformed_numbers_are_refused) {
    for (const std::string_view text :
         {"01", "-", "1.", ".5", "+1", "1e", "1e+", "0x1", "--1", "NaN", "Infinity", "1_0", "00"}) {
        EXPECT_FALSE(Document::parse(text).has_value()) << text;
    }
}

TEST(JsonString, escapes_are_decoded_and_written_short) {
    EXPECT_EQ(canonical(R"("\"\\\/\b\f\n\r\t\u0001\u001F\u007f\u00e9\u2028\ud83d\ude00")"),
              "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\xc3\xa9\xe2\x80\xa8\xf0\x9f\x98\x80\"");
}

TEST(JsonString, malformed_texts_are_refused) {
    for (const std::string_view text :
         {"\"a\tb\"", R"("\ud800")", R"("\udc00")", R"("\ud800\u0041")", R"("\x")", R"("\u12g4")",
          "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf5\x80\x80\x80\"", "\"\xe2\x82\"", "\"\xff\"",
          "\"open"}) {
        const auto document = Document::parse(text);
        ASSERT_FALSE(document.has_value()) << text;
        EXPECT_EQ(document.error().code().view(), "json_syntax");
    }
}

TEST(JsonSyntax, errors_say_path_reason_line_and_column) {
    const auto message = [](std::string_view text) {
        return Document::parse(text).error().message();
    };
    EXPECT_EQ(message(""), "EOF while parsing a value at line 1 column 0");
    EXPECT_EQ(message("{\n \"a\": [1, {\"b\": nul}]}"),
              "a[1].b: expected ident at line 2 column 20");
    EXPECT_EQ(message("[1,]"), "trailing comma at line 1 column 4");
    EXPECT_EQ(message("{\"a\":1,}"), "trailing comma at line 1 column 8");
    EXPECT_EQ(message("{a:1}"), "key must be a string at line 1 column 2");
    EXPECT_EQ(message("{\"a\" 1}"), "expected `:` at line 1 column 6");
    EXPECT_EQ(message("[1 2]"), "expected `,` or `]` at line 1 column 4");
    EXPECT_EQ(message("{} x"), "trailing characters at line 1 column 4");
    EXPECT_EQ(message("[[1],[2,x"), "[1][1]: expected value at line 1 column 9");
    EXPECT_EQ(message("\xef\xbb\xbf{}"), "expected value at line 1 column 1");
    EXPECT_EQ(message("{\"a\":{"), "a: EOF while parsing an object at line 1 column 6");
}

TEST(JsonSyntax, comments_only_when_asked_for) {
    const std::string_view text = "// head\n{\"a\": 1, /* in * between */ \"b\": 2} // tail";
    EXPECT_FALSE(Document::parse(text).has_value());
    EXPECT_EQ(must(Document::parse(text, Comments::Allow)).root().size(), 2U);
    EXPECT_FALSE(Document::parse("/* open", Comments::Allow).has_value());
    EXPECT_FALSE(Document::parse("/x", Comments::Allow).has_value());
}

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

TEST(JsonDepth, a_kept_value_may_have_128_levels) {
    EXPECT_TRUE(parse_tree(nested(kMaxDepth)).has_value());
    const auto deeper = parse_tree(nested(kMaxDepth + 1));
    ASSERT_FALSE(deeper.has_value());
    EXPECT_NE(deeper.error().message().find("recursion limit exceeded"), std::string::npos);
}

TEST(JsonDepth, a_hundred_thousand_levels_cost_no_stack) {
    const std::string closed = nested(100'000);
    EXPECT_TRUE(Document::parse(closed).has_value());
    const std::string open(100'000, '[');
    const auto document = Document::parse(open);
    ASSERT_FALSE(document.has_value());
    EXPECT_LT(document.error().message().size(), 400U);
}

TEST(JsonDuplicates, struct_member_twice_is_an_error_and_map_key_is_not) {
    const auto document = must(Document::parse(R"({"a":1,"b":2,"a":3})"));
    const auto fields = Fields::of(document.root(), {"a", "b"});
    ASSERT_FALSE(fields.has_value());
    EXPECT_EQ(fields.error().message(), "duplicate field `a` at line 1 column 16");
    EXPECT_TRUE(Fields::of(document.root(), {"b"}).has_value());
    EXPECT_EQ(document.root().find("a")->text(), "3");
    EXPECT_EQ(canonical(R"({"b":2,"a":1,"a":3})"), R"({"a":3,"b":2})");
}

TEST(JsonValue, walks_and_finds) {
    const auto document = must(Document::parse(R"({"x":[1,[2,3],{}],"\u0079":"z"})"));
    const Value root = document.root();
    EXPECT_EQ(root.size(), 2U);
    EXPECT_EQ(root.find("x")->size(), 3U);
    EXPECT_EQ(root.find("y")->text(), "z");
    EXPECT_FALSE(root.find("q").has_value());
    EXPECT_EQ(root.find("x")->source(), "[1,[2,3],{}]");
    const Value second = *++root.find("x")->items().begin();
    EXPECT_EQ(second.depth(), 2U);
    EXPECT_EQ(second.shape_error("odd").message(), "x[1]: odd at line 1 column 13");
    EXPECT_TRUE(root.find("y")->items().begin() == root.find("y")->items().end());
}

TEST(JsonValue, an_array_in_place_of_a_struct_is_refused_with_a_hint) {
    const auto document = must(Document::parse("[1]"));
    const auto fields = Fields::of(document.root(), {"a"});
    EXPECT_EQ(fields.error().code().view(), "json_syntax");
    EXPECT_FALSE(fields.error().remedy().empty());
}

TEST(JsonTree, reading_back_what_was_written_changes_nothing) {
    const std::string text =
        R"({"a":[null,true,false,0,-1,1.5,"x\n",{}],"b":{"c":18446744073709551615,"d":-0.0},"é":[[]]})";
    EXPECT_EQ(canonical(text), text);
    EXPECT_EQ(parse_tree(canonical(text)).value(), parse_tree(text).value());
    EXPECT_FALSE(parse_tree("0.0").value() == parse_tree("-0.0").value());
}

}  // namespace
}  // namespace wavs::types::json
