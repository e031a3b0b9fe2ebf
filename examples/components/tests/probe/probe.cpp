// SPDX-License-Identifier: Apache-2.0
// Misbehaves on request, for tests of the engine's limits. The raw trigger data is "command" or
// "command:argument".

#include <cstdio>
#include <cstdlib>

#include "wavs/keyvalue.hpp"
#include "wavs/operator.hpp"

namespace {

using wavs::Error;
using wavs::Result;
using Answer = Result<std::string>;

constexpr std::size_t kPage = 64 * 1024;

Answer crash(const std::string&) { __builtin_trap(); }

Answer leave(const std::string& code) {
    std::exit(static_cast<int>(wavs::parse_u64(code).value_or(0)));
}

Answer spin(const std::string&) {
    for (volatile std::uint64_t i = 0;; i = i + 1) {
    }
}

/// Grows the memory until the host says no; answers with the pages that were granted.
Answer hog(const std::string&) {
    std::size_t pages = 0;
    while (__builtin_wasm_memory_grow(0, 1) != static_cast<std::size_t>(-1)) {
        ++pages;
    }
    return std::to_string(pages * kPage / 1024);
}

Answer flood(const std::string& bytes) {
    const auto total = wavs::parse_u64(bytes).value_or(0);
    const std::string line(99, 'x');
    for (std::uint64_t sent = 0; sent < total; sent += line.size() + 1) {
        std::puts(line.c_str());
    }
    std::fflush(stdout);
    return "flooded";
}

Answer speak(const std::string& text) {
    std::puts(text.c_str());
    std::fputs((text + " on stderr, no line break").c_str(), stderr);
    std::fflush(stdout);
    wavs::host::log(wavs::host::Level::Warn, text);
    return text;
}

/// Counts in a file, so that two runs show whether they share it.
Answer file(const std::string& name) {
    std::FILE* stream = std::fopen(name.c_str(), "a+");
    if (stream == nullptr) {
        return Error("cannot open the file");
    }
    std::fputc('x', stream);
    const long size = std::ftell(stream);
    std::fclose(stream);
    return std::to_string(size);
}

Answer handles(const std::string&) {
    std::uint64_t count = 0;
    while (wavs::keyvalue::Bucket::open("b")) {
        ++count;
    }
    return std::to_string(count);
}

/// Changes the value between making a handle and swapping.
Answer conflict(const std::string& key) {
    const auto bucket = wavs::keyvalue::Bucket::open("cas");
    auto cas = bucket->cas(key);
    const auto other = bucket->set(key, wavs::bytes_of("other"));
    const auto first = cas->swap(wavs::bytes_of("mine"));
    const auto second = cas->swap(wavs::bytes_of("mine"));
    if (!other || !first || !second) {
        return Error("the store failed");
    }
    return std::string(*first ? "stored" : "failed") + " " + (*second ? "stored" : "failed");
}

Answer service(const std::string&) {
    host_workflow_and_workflow_id_t found;
    host_get_workflow(&found);
    host_service_and_workflow_id_t all;
    host_get_service(&all);
    return std::string(wavs::raw::view(all.service.name)) + "/" +
           std::string(wavs::raw::view(found.workflow_id));
}

Answer salt(const std::string& text) {
    const auto id = wavs::event_id(wavs::bytes_of(text));
    return std::string(wavs::text_of(id));
}

/// One of the things that differ from run to run, as text; also on standard output.
Answer noise(const std::string& kind) {
    std::uint64_t value = 0;
    if (kind == "wall") {
        wasi_clocks_wall_clock_datetime_t now;
        wasi_clocks_wall_clock_now(&now);
        value = now.seconds * 1'000'000'000 + now.nanoseconds;
    } else if (kind == "monotonic") {
        value = wasi_clocks_monotonic_clock_now();
    } else if (kind == "random") {
        value = wasi_random_random_get_random_u64();
    } else if (kind == "insecure") {
        value = wasi_random_insecure_get_insecure_random_u64();
    } else if (kind == "seed") {
        wavs_tuple2_u64_u64_t seed;
        wasi_random_insecure_seed_insecure_seed(&seed);
        value = seed.f0 ^ seed.f1;
    } else {
        return Error("unknown noise");
    }
    std::puts(std::to_string(value).c_str());
    std::fflush(stdout);
    return std::to_string(value);
}

Answer udp(const std::string&) {
    wasi_sockets_udp_create_socket_error_code_t error = 0;
    wasi_sockets_udp_create_socket_own_udp_socket_t socket;
    if (!wasi_sockets_udp_create_socket_create_udp_socket(
            WASI_SOCKETS_NETWORK_IP_ADDRESS_FAMILY_IPV4, &socket, &error)) {
        return Error("socket error " + std::to_string(error));
    }
    return "created";
}

struct Command {
    std::string_view name;
    Answer (*run)(const std::string&);
};

constexpr Command kCommands[] = {
    {"crash", crash},       {"leave", leave},     {"spin", spin}, {"hog", hog},
    {"flood", flood},       {"speak", speak},     {"file", file}, {"handles", handles},
    {"conflict", conflict}, {"service", service}, {"salt", salt}, {"udp", udp},
    {"noise", noise},
};

}  // namespace

wavs::Result<std::vector<wavs::Response>> wavs::on_trigger(const TriggerAction& action) {
    const auto request = decode_request(action);
    if (!request) {
        return Error(request.error());
    }
    const auto text = text_of(request->data);
    const auto colon = text.find(':');
    const auto argument = colon == text.npos ? std::string() : std::string(text.substr(colon + 1));
    for (const auto& command : kCommands) {
        if (command.name == text.substr(0, colon)) {
            const auto answer = command.run(argument);
            if (!answer) {
                return Error(answer.error());
            }
            const auto bytes = bytes_of(*answer);
            return std::vector{Response{.payload = Bytes(bytes.begin(), bytes.end())}};
        }
    }
    return Error("unknown command");
}
