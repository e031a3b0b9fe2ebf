// SPDX-License-Identifier: Apache-2.0
#include "api_test.hpp"

namespace wavs::http {
namespace {

constexpr std::string_view kSyntax = "Failed to parse the request body as JSON: ";
constexpr std::string_view kShape = "Failed to deserialize the JSON body into the target type: ";

class BodiesTest : public ApiTest {
protected:
    void expect_rejected(std::string_view path, std::string_view body, unsigned status,
                         std::string_view reason) {
        const auto response = post(path, body, path == "/services/remove" ? "DELETE" : "POST");
        EXPECT_EQ(response.status, status) << body;
        EXPECT_EQ(response.body,
                  std::string(status == 400 ? kSyntax : kShape) + std::string(reason));
        EXPECT_EQ(header(response, "content-type"), "text/plain; charset=utf-8");
    }
};

TEST_F(BodiesTest, content_type) {
    for (const std::string_view type :
         {"application/json", "Application/JSON", "application/json; charset=utf-8",
          "application/vnd.x+json", "application/json ;x"}) {
        const auto response =
            send(request("DELETE", "/services", {{"Content-Type", std::string(type)}},
                         R"({"service_managers":[]})"));
        EXPECT_EQ(response.status, 204U) << type;
    }
    for (const std::string_view type :
         {"", "text/plain", "text/json", "application/jsonx", "application/+json", "json"}) {
        const auto response =
            send(request("POST", "/services", {{"Content-Type", std::string(type)}}, "{}"));
        EXPECT_EQ(response.status, 415U) << type;
        EXPECT_EQ(response.body, "Expected request with `Content-Type: application/json`");
    }
    EXPECT_EQ(send(request("POST", "/services", {}, "{}")).status, 415U);
}

TEST_F(BodiesTest, what_is_no_json) {
    expect_rejected("/services", "", 400, "EOF while parsing a value at line 1 column 0");
    expect_rejected("/services", R"({"a":)", 400,
                    "a: EOF while parsing a value at line 1 column 5");
    expect_rejected("/services", "{bad", 400, "key must be a string at line 1 column 2");
    expect_rejected("/services", manager_body() + "\n x", 400,
                    "trailing characters at line 2 column 2");
}

TEST_F(BodiesTest, the_first_error_wins) {
    expect_rejected("/services", "{} x", 422, "missing field `service_manager` at line 1 column 2");
    expect_rejected("/services", "\n{}\n\n  x", 422,
                    "missing field `service_manager` at line 2 column 2");
    expect_rejected("/dev/chains", "{}}", 422, "missing field `chain` at line 1 column 2");
}

TEST_F(BodiesTest, what_does_not_fit) {
    expect_rejected("/services/signer", R"({"service_manager":{"Evm":{"chain":"evm:31337"}}})", 422,
                    "service_manager: unknown variant `Evm`, expected `evm` or `cosmos` at line 1 "
                    "column 25");
    expect_rejected("/services/signer", R"({"service_manager":{"evm":{"chain":"evm:31337"}}})", 422,
                    "service_manager.evm: missing field `address` at line 1 column 47");
    expect_rejected("/dev/triggers", R"({"service_id":"x"})", 422,
                    "service_id: odd number of digits at line 1 column 17");
    EXPECT_EQ(post("/services", R"({"service_manager":{"evm":{},"cosmos":{}}})").status, 400U);
    EXPECT_EQ(post("/services", "null").status, 422U);
    EXPECT_EQ(post("/services", manager_body().insert(1, R"("hd_index":-1,)")).status, 422U);
}

TEST_F(BodiesTest, members_twice_are_refused_and_unknown_ones_ignored) {
    EXPECT_EQ(post("/services", manager_body().insert(1, R"("x":{"y":[1]},)")).status, 204U);
    const auto twice = post(
        "/services", R"({"service_manager":)" + std::string(kManager) + R"(,"service_manager":1})");
    EXPECT_EQ(twice.status, 422U);
    EXPECT_NE(twice.body.find("duplicate field `service_manager`"), std::string::npos);
}

TEST_F(BodiesTest, arrays_in_place_of_objects_are_refused_with_a_hint) {
    for (const std::string& body :
         {"[" + std::string(kManager) + "]", std::string("[]"),
          std::string(R"({"service_manager":{"evm":["evm:31337","0x11"]}})")}) {
        const auto response = post("/services", body);
        EXPECT_EQ(response.status, 400U) << body;
        EXPECT_TRUE(response.body.starts_with(kSyntax)) << response.body;
        EXPECT_NE(response.body.find("write an object with member names"), std::string::npos);
    }
}

TEST_F(BodiesTest, too_large) {
    for (const std::string_view path : {"/services", "/dev/components", "/dev/services"}) {
        auto call = request("POST", path, {{"Content-Type", "application/json"}});
        call.body_too_large = true;
        const auto response = send(call);
        EXPECT_EQ(response.status, 413U) << path;
        EXPECT_EQ(response.body, "Failed to buffer the request body: length limit exceeded");
    }
    auto wrong_type = request("POST", "/services");
    wrong_type.body_too_large = true;
    EXPECT_EQ(send(wrong_type).status, 415U);
}

TEST_F(BodiesTest, manifests_have_a_limit_of_their_own) {
    auto options = dev_options();
    options.manifest.max_bytes = 100;
    open(std::move(options));
    EXPECT_EQ(post("/dev/services", kManifest).status, 413U);
}

TEST_F(BodiesTest, an_unknown_future_format_is_no_parse_error) {
    std::string manifest(kManifest);
    const std::string none = R"("submit":"none")";
    manifest.replace(
        manifest.find(none), none.size(),
        R"("submit":{"aggregator":{"component":{"source":{"digest":"2222222222222222222222222222222222222222222222222222222222222222"},"permissions":{},"config":{},"env_keys":[]},"signature_kind":{"algorithm":"bls","prefix":null}}})");
    const auto response = post("/dev/services", manifest);
    EXPECT_EQ(response.status, 422U) << response.body;
    EXPECT_FALSE(response.body.starts_with(kShape)) << response.body;
}

TEST_F(BodiesTest, simulated_triggers) {
    const auto body = [](std::string_view more) {
        return R"({"service_id":")" + std::string(kManagerId) +
               R"(","workflow_id":"default","trigger":"manual","data":{"Raw":[104,105]})" +
               std::string(more) + "}";
    };
    EXPECT_EQ(post("/dev/triggers", body("")).status, 422U);
    EXPECT_EQ(post("/dev/triggers", body(R"(,"wait_for_completion":false,"count":null)")).status,
              422U);
    EXPECT_EQ(post("/dev/triggers", body(R"(,"wait_for_completion":true)")).status, 200U);
    EXPECT_EQ(post("/dev/triggers", body(R"(,"wait_for_completion":false,"count":1000000)")).status,
              200U);
    const auto many =
        post("/dev/triggers", body(R"(,"wait_for_completion":false,"count":1000001)"));
    EXPECT_EQ(many.status, 400U);
    ASSERT_EQ(node_.triggers.size(), 2U);
    EXPECT_EQ(node_.triggers[0].count, 1U);
    EXPECT_TRUE(node_.triggers[0].wait_for_completion);
    EXPECT_EQ(types::to_string(node_.triggers[0].action.config.service_id), kManagerId);
    EXPECT_EQ(std::get<types::RawData>(node_.triggers[0].action.data).data,
              base::to_bytes(std::string_view("hi")));
    EXPECT_EQ(node_.triggers[1].count, 1'000'000U);
}

}  // namespace
}  // namespace wavs::http
