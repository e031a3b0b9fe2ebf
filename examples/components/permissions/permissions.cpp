// SPDX-License-Identifier: Apache-2.0
// Uses every permission a manifest can grant a component for the outside world: fetches a page,
// posts JSON, writes a file, writes to both streams and the log, and reads its own manifest.
// {"get_url":"...","post_url":"...","post_data":["hello","world"],"timestamp":1700000000} ->
// {"filename":"...","contents":"...","filecount":1,"digest":"..."}

#include <dirent.h>
#include <sys/stat.h>

#include <cstdio>

#include "wavs/host.hpp"
#include "wavs/http.hpp"
#include "wavs/json.hpp"
#include "wavs/operator.hpp"

namespace {

using wavs::Error;
using wavs::Result;
using wavs::json::Value;

constexpr const char* kFolder = "./responses";

struct Input {
    std::string get_url;
    std::string post_url;
    std::vector<std::string> post_data;
    std::string timestamp;
};

std::optional<Input> read_input(std::string_view text) {
    const auto value = wavs::json::parse(text);
    if (!value) {
        return std::nullopt;
    }
    const auto* get_url = value->find("get_url");
    const auto* post_url = value->find("post_url");
    const auto* post_data = value->find("post_data");
    const auto* timestamp = value->find("timestamp");
    if (get_url == nullptr || post_url == nullptr || post_data == nullptr || timestamp == nullptr ||
        timestamp->kind != Value::Kind::Number) {
        return std::nullopt;
    }
    Input out{get_url->text, post_url->text, {}, timestamp->text};
    for (const auto& item : post_data->items) {
        out.post_data.push_back(item.text);
    }
    return out;
}

std::string json_of(const std::vector<std::string>& texts) {
    std::string out = "[";
    for (const auto& text : texts) {
        out += (out.size() > 1 ? "," : "") + wavs::json::quote(text);
    }
    return out + "]";
}

/// Whether the reply holds, as its member `json`, what was posted.
bool comes_back(std::string_view reply, const std::vector<std::string>& posted) {
    const auto value = wavs::json::parse(reply);
    const auto* member = value ? value->find("json") : nullptr;
    if (member == nullptr || member->items.size() != posted.size()) {
        return false;
    }
    for (std::size_t i = 0; i < posted.size(); ++i) {
        if (member->items[i].text != posted[i]) {
            return false;
        }
    }
    return true;
}

Result<std::string> post(const Input& input) {
    const auto json = json_of(input.post_data);
    const auto bytes = wavs::bytes_of(json);
    wavs::http::Request request{.method = "POST",
                                .url = input.post_url,
                                .headers = {{"content-type", "application/json"}},
                                .body = wavs::Bytes(bytes.begin(), bytes.end())};
    const auto reply = wavs::http::send(request);
    if (!reply) {
        return Error("POST: " + reply.error());
    }
    if (!comes_back(wavs::text_of(reply->body), input.post_data)) {
        return Error("POST: the reply does not hold what was posted");
    }
    return json;
}

Result<std::string> store(const std::string& name, std::string_view contents) {
    ::mkdir(kFolder, 0755);
    const auto path = std::string(kFolder) + "/" + name + ".txt";
    std::FILE* file = std::fopen(path.c_str(), "w");
    if (file == nullptr) {
        return Error("cannot write " + path);
    }
    const bool written = std::fwrite(contents.data(), 1, contents.size(), file) == contents.size();
    return std::fclose(file) == 0 && written ? Result<std::string>(path)
                                             : Error("cannot write " + path);
}

std::size_t count_files() {
    std::size_t count = 0;
    DIR* folder = ::opendir(kFolder);
    while (const dirent* entry = folder == nullptr ? nullptr : ::readdir(folder)) {
        count += entry->d_name[0] == '.' ? 0 : 1;
    }
    if (folder != nullptr) {
        ::closedir(folder);
    }
    return count;
}

std::string own_digest() {
    host_workflow_and_workflow_id_t found;
    host_get_workflow(&found);
    const auto& source = found.workflow.component.source;
    switch (source.tag) {
        case WAVS_TYPES_SERVICE_COMPONENT_SOURCE_DOWNLOAD:
            return std::string(wavs::raw::view(source.val.download.digest));
        case WAVS_TYPES_SERVICE_COMPONENT_SOURCE_REGISTRY:
            return std::string(wavs::raw::view(source.val.registry.digest));
        default:
            return std::string(wavs::raw::view(source.val.digest));
    }
}

}  // namespace

wavs::Result<std::vector<wavs::Response>> wavs::on_trigger(const TriggerAction& action) {
    const auto request = decode_request(action);
    if (!request) {
        return Error(request.error());
    }
    const auto input = read_input(text_of(request->data));
    if (!input) {
        return Error("the input needs get_url, post_url, post_data and timestamp");
    }
    std::puts("permissions: on standard output");
    std::fputs("permissions: on standard error\n", stderr);
    host::log(host::Level::Info, "permissions: in the log");
    const auto page = http::send({.url = input->get_url});
    if (!page) {
        return Error("GET: " + page.error());
    }
    if (const auto posted = post(*input); !posted) {
        return Error(posted.error());
    }
    const auto contents = text_of(page->body);
    const auto path = store(input->timestamp, contents);
    if (!path) {
        return Error(path.error());
    }
    const auto output = "{\"filename\":" + json::quote(*path) +
                        ",\"contents\":" + json::quote(contents) +
                        ",\"filecount\":" + std::to_string(count_files()) +
                        ",\"digest\":" + json::quote(own_digest()) + "}";
    return std::vector{Response{.payload = encode_payload(request->trigger_id, bytes_of(output))}};
}
