// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/task_group.hpp"
#include "wavs/net/http_server.hpp"
#include "wavs/types/json.hpp"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace wavs::chain_evm::testing {

/// A JSON-RPC node over HTTP, one request or several in a message, that answers by functions from
/// `params` (JSON text) to a member text:
/// `"result":...` or `"error":{...}`. Methods without one are "method not found".
class ScriptedRpc final : public net::HttpHandler {
public:
    using Answer = std::function<std::string(const std::string& params)>;
    struct Call {
        std::string method;
        std::string params;
    };

    async::Task<net::Response> on_request(net::Request request) override {
        const auto document = types::json::Document::parse(std::string_view(request.body));
        net::Response response;
        if (!document.has_value()) {
            response.status = 400;
            co_return response;
        }
        const auto root = document.value().root();
        response.headers.add("content-type", "application/json");
        if (!root.is_array()) {
            response.body = answer(root);
            co_return response;
        }
        ++batches;
        if (!take_batches) {
            response.body =
                fmt::format(R"({{"jsonrpc":"2.0","id":null,"error":{}}})", batch_refusal);
            co_return response;
        }
        for (const auto& item : root.items()) {
            // The last one first: the order of the answers is free.
            response.body =
                answer(item) + (response.body.empty() ? "" : "," + std::move(response.body));
        }
        response.body = "[" + response.body + "]";
        co_return response;
    }

    void result(const std::string& method, const std::string& json) {
        answers[method] = [json](const std::string&) { return "\"result\":" + json; };
    }
    void error(const std::string& method, const std::string& json) {
        answers[method] = [json](const std::string&) { return "\"error\":" + json; };
    }
    std::size_t count(std::string_view method) const {
        std::size_t n = 0;
        for (const auto& call : calls) {
            n += call.method == method ? 1 : 0;
        }
        return n;
    }

    std::map<std::string, Answer> answers;
    std::vector<Call> calls;
    /// Messages with several requests.
    std::size_t batches = 0;
    bool take_batches = true;
    /// The error object for them when they are not taken.
    std::string batch_refusal = R"({"code":-32600,"message":"one request a message"})";

private:
    std::string answer(const types::json::Value& request) {
        const std::string method(request.find("method")->text());
        const std::string params(request.find("params")->source());
        calls.push_back({method, params});
        const auto found = answers.find(method);
        const auto member = found == answers.end()
                                ? R"("error":{"code":-32601,"message":"method not found"})"
                                : found->second(params);
        return fmt::format(R"({{"jsonrpc":"2.0","id":{},{}}})", request.find("id")->source(),
                           member);
    }
};

}  // namespace wavs::chain_evm::testing
