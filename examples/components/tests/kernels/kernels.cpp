// SPDX-License-Identifier: Apache-2.0
// Runs one kernel as often as the raw trigger data "kernel:rounds" says and answers with its
// checksum; for the benchmarks.

#include "kernels.hpp"
#include "wavs/operator.hpp"

wavs::Result<std::vector<wavs::Response>> wavs::on_trigger(const TriggerAction& action) {
    const auto request = decode_request(action);
    if (!request) {
        return Error(request.error());
    }
    const auto text = text_of(request->data);
    const auto colon = text.find(':');
    const auto rounds = parse_u64(text.substr(colon == text.npos ? text.size() : colon + 1));
    if (!rounds) {
        return Error("the data is not kernel:rounds");
    }
    const auto sum = std::to_string(kernels::run(text.substr(0, colon), *rounds));
    const auto bytes = bytes_of(sum);
    return std::vector{Response{.payload = Bytes(bytes.begin(), bytes.end())}};
}
