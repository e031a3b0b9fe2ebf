// SPDX-License-Identifier: Apache-2.0
#include "wavs/net/url.hpp"
#include "wavs/net/dial.hpp"
#include "wavs/net/free_port.hpp"
#include "wavs/net/http_message.hpp"

#include <gtest/gtest.h>

namespace wavs::net {
namespace {

TEST(UrlTest, splits_and_fills_defaults) {
    const auto url = Url::parse("HTTPS://User:p%40ss@Example.COM/a/b?key=1#part").value();
    EXPECT_EQ(url.scheme, "https");
    EXPECT_EQ(url.host, "example.com");
    EXPECT_EQ(url.port, 443);
    EXPECT_EQ(url.target, "/a/b?key=1");
    EXPECT_EQ(url.userinfo, "User:p@ss");
    EXPECT_EQ(url.redacted(), "https://example.com:443");
    EXPECT_EQ(url.host_header(), "example.com");
    EXPECT_TRUE(url.secure());

    const auto v6 = Url::parse("ws://[::1]:8546").value();
    EXPECT_EQ(v6.host, "::1");
    EXPECT_EQ(v6.target, "/");
    EXPECT_EQ(v6.redacted(), "ws://[::1]:8546");
    EXPECT_EQ(v6.host_header(), "[::1]:8546");
    EXPECT_EQ(Url::parse("http://h?x=1").value().target, "/?x=1");
}

TEST(UrlTest, refuses_what_it_cannot_dial_and_never_repeats_it) {
    for (const auto* text :
         {"", "no-scheme", "ftp://secret-key@host/", "http://", "http://h:0/", "http://h:99999/",
          "http://ho%20st/", "http://h%0d%0a/", "file:///x"}) {
        const auto url = Url::parse(text);
        ASSERT_FALSE(url.has_value()) << text;
        EXPECT_EQ(url.error().full_text().find("secret"), std::string::npos);
    }
}

TEST(UrlTest, resolves_redirects) {
    const auto base_url = Url::parse("http://h:81/a/b").value();
    EXPECT_EQ(base_url.resolve("../c?x").value().target, "/c?x");
    EXPECT_EQ(base_url.resolve("https://o/z").value().redacted(), "https://o:443");
    EXPECT_EQ(base_url.resolve("//o/z").value().redacted(), "http://o:80");
    EXPECT_FALSE(base_url.resolve("ftp://o/z").has_value());
}

TEST(HeadersTest, first_value_without_case) {
    Headers headers{{"Accept", "a"}, {"accept", "b"}};
    EXPECT_EQ(headers.find("ACCEPT"), "a");
    headers.set("aCCept", "c");
    EXPECT_EQ(headers.all().size(), 1U);
    EXPECT_EQ(headers.find("accept"), "c");
    EXPECT_EQ(headers.find("other"), std::nullopt);
}

TEST(AddressTest, knows_what_is_not_public) {
    for (const auto* ip : {"127.0.0.1",
                           "10.1.2.3",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.168.1.1",
                           "169.254.169.254",
                           "0.0.0.0",
                           "100.64.0.1",
                           "224.0.0.1",
                           "255.255.255.255",
                           "::1",
                           "::",
                           "fe80::1",
                           "fd00::1",
                           "ff02::1",
                           "::ffff:10.0.0.1",
                           "::127.0.0.1",
                           "64:ff9b::a00:1",
                           "2002:7f00:1::",
                           "not an address",
                           ""}) {
        EXPECT_TRUE(is_private_address(ip)) << ip;
    }
    for (const auto* ip :
         {"1.1.1.1", "172.32.0.1", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "100.128.0.1"}) {
        EXPECT_FALSE(is_private_address(ip)) << ip;
    }
}

TEST(FreePortTest, gives_different_ones) { EXPECT_NE(free_port().value(), free_port().value()); }

}  // namespace
}  // namespace wavs::net
