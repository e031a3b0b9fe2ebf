// SPDX-License-Identifier: Apache-2.0
// {"x":5} -> {"y":25}

#include "wavs/json.hpp"
#include "wavs/operator.hpp"

wavs::Result<std::vector<wavs::Response>> wavs::on_trigger(const TriggerAction& action) {
    const auto request = decode_request(action);
    if (!request) {
        return Error(request.error());
    }
    const auto input = json::parse(text_of(request->data));
    const auto* member = input ? input->find("x") : nullptr;
    const auto x = member != nullptr && member->kind == json::Value::Kind::Number
                       ? parse_u64(member->text)
                       : std::nullopt;
    if (!x) {
        return Error("the input is not {\"x\": number}");
    }
    std::uint64_t y = 0;
    if (__builtin_mul_overflow(*x, *x, &y)) {
        return Error("the square of x does not fit");
    }
    const auto output = "{\"y\":" + std::to_string(y) + "}";
    return std::vector{Response{.payload = encode_payload(request->trigger_id, bytes_of(output))}};
}
