// SPDX-License-Identifier: Apache-2.0
// Attacks the node on request. The raw trigger data is "command" or "command:argument". A command
// that the node stops in time does not answer; one that is refused answers with the error it got.

#include <cstdio>
#include <cstdlib>

#include "wavs/keyvalue.hpp"
#include "wavs/operator.hpp"

namespace {

using wavs::Error;
using wavs::Result;
using wavs::keyvalue::Bucket;
using Responses = Result<std::vector<wavs::Response>>;
using Number = std::uint64_t;

constexpr std::size_t kPage = 64 * 1024;

// What the compiler must not know.
volatile int g_one = 1;
volatile int g_zero = 0;
volatile Number g_sink = 0;

Number number(const std::string& text, Number otherwise = 0) {
    return wavs::parse_u64(text).value_or(otherwise);
}

std::vector<wavs::Response> answer(std::string_view text) {
    const auto bytes = wavs::bytes_of(text);
    return {wavs::Response{.payload = wavs::Bytes(bytes.begin(), bytes.end())}};
}

[[noreturn]] void spin() {
    while (true) {
        g_sink = g_sink + 1;
    }
}

// --- memory that the host asks for while it hands something in ---

enum class Realloc { Honest, Reenter, Outside, Odd, Spin };
Realloc g_realloc = Realloc::Honest;

Responses realloc_as(Realloc mode) {
    g_realloc = mode;
    host_service_and_workflow_id_t found;
    host_get_service(&found);
    g_realloc = Realloc::Honest;
    return Error("the host took the memory");
}

// --- time ---

Responses run_spin(const std::string&) { spin(); }

void wait(Number nanoseconds) {
    const auto pollable = wasi_clocks_monotonic_clock_subscribe_duration(nanoseconds);
    wasi_io_poll_method_pollable_block(wasi_io_poll_borrow_pollable(pollable));
    wasi_io_poll_pollable_drop_own(pollable);
}

Responses sleep_for_ever(const std::string& nanoseconds) {
    wait(number(nanoseconds));
    return Error("awake again");
}

Responses nap_for_ever(const std::string&) {
    while (true) {
        wait(1);
    }
}

// --- memory and stack ---

Responses grow(const std::string& pages) {
    if (__builtin_wasm_memory_grow(0, number(pages)) == static_cast<std::size_t>(-1)) {
        return Error("memory.grow: refused");
    }
    return answer("granted");
}

/// Touches what it gets, so that the host has to find memory for it.
Responses hog(const std::string&) {
    while (true) {
        const auto before = __builtin_wasm_memory_grow(0, 1);
        if (before == static_cast<std::size_t>(-1)) {
            std::abort();
        }
        for (std::size_t at = 0; at < kPage; at += 4096) {
            *reinterpret_cast<volatile char*>(before * kPage + at) = 1;
        }
    }
}

Number deeper(Number depth);
Number (*volatile g_deeper)(Number) = deeper;
Number deeper(Number depth) { return g_deeper(depth + 1) * 3 + depth; }

Responses recurse(const std::string&) {
    g_sink = deeper(0);
    return Error("the stack has no end");
}

Responses huge_alloca(const std::string& bytes) {
    auto* memory = static_cast<volatile char*>(__builtin_alloca(number(bytes)));
    memory[0] = 1;
    return Error("the stack was large enough");
}

Responses read_outside(const std::string&) {
    g_sink = *reinterpret_cast<volatile Number*>(static_cast<std::size_t>(0xfffffff0U));
    return Error("read");
}

// --- traps and ends ---

Responses divide(const std::string&) {
    const int value = g_one / g_zero;
    g_sink = static_cast<Number>(value);
    return Error("divided");
}

Responses call_wrong_type(const std::string&) {
    volatile auto target = reinterpret_cast<std::size_t>(deeper);
    reinterpret_cast<void (*)(float, float)>(target)(1, 2);
    return Error("called");
}

Responses call_nothing(const std::string&) {
    volatile std::size_t target = 0;
    reinterpret_cast<void (*)()>(target)();
    return Error("called");
}

Responses run_abort(const std::string&) { std::abort(); }
Responses run_exit(const std::string& code) { std::exit(static_cast<int>(number(code))); }

// --- output ---

Responses flood_log(const std::string& bytes) {
    const std::string line(number(bytes), 'x');
    while (true) {
        wavs::host::log(wavs::host::Level::Error, line);
    }
}

Responses flood_stream(std::FILE* stream) {
    const std::string text(kPage, 'x');
    while (true) {
        std::fwrite(text.data(), 1, text.size(), stream);
    }
}

Responses flood_stdout(const std::string&) { return flood_stream(stdout); }
Responses flood_stderr(const std::string&) { return flood_stream(stderr); }

const std::string kNotUtf8 = "a\xff\xfe";

Responses bad_log(const std::string&) {
    wavs::host::log(wavs::host::Level::Info, kNotUtf8);
    return Error("logged");
}

Responses bad_error(const std::string&) { return Error(kNotUtf8); }
Responses huge_error(const std::string& bytes) { return Error(std::string(number(bytes), 'e')); }

// --- answers ---

Responses payload(const std::string& bytes) { return answer(std::string(number(bytes), 'p')); }

Responses without_salts(const std::string& count) {
    return std::vector<wavs::Response>(number(count));
}

Responses with_salts(const std::string& count) {
    std::vector<wavs::Response> all(number(count));
    for (std::size_t i = 0; i < all.size(); ++i) {
        const auto text = std::to_string(i);
        const auto salt = wavs::bytes_of(text);
        all[i].event_id_salt.emplace(salt.begin(), salt.end());
    }
    return all;
}

// --- the host's own memory ---

Responses random_bytes(const std::string& bytes) {
    wavs_list_u8_t got;
    wasi_random_random_get_random_bytes(number(bytes), &got);
    return Error("got them");
}

/// Buckets are the ones whose error comes back; the others end the run.
Responses leak_buckets(const std::string& name_bytes) {
    const std::string name(number(name_bytes, 1), 'b');
    while (true) {
        if (auto bucket = Bucket::open(name); !bucket) {
            return Error(bucket.error());
        }
    }
}

Responses leak_pollables(const std::string&) {
    while (true) {
        wasi_clocks_monotonic_clock_subscribe_duration(~Number{0});
    }
}

Responses leak_streams(const std::string&) {
    while (true) {
        wasi_cli_stdout_get_stdout();
    }
}

Responses drop_twice(const std::string&) {
    const auto pollable = wasi_clocks_monotonic_clock_subscribe_duration(1);
    wasi_io_poll_pollable_drop_own(pollable);
    wasi_io_poll_pollable_drop_own(pollable);
    return Error("dropped twice");
}

Responses use_dropped(const std::string&) {
    const auto pollable = wasi_clocks_monotonic_clock_subscribe_duration(1);
    wasi_io_poll_pollable_drop_own(pollable);
    wasi_io_poll_method_pollable_block(wasi_io_poll_borrow_pollable(pollable));
    return Error("used");
}

Responses poll_nothing(const std::string&) {
    wasi_io_poll_list_borrow_pollable_t none{nullptr, 0};
    wavs_list_u32_t ready;
    wasi_io_poll_poll(&none, &ready);
    return Error("polled");
}

// --- key-value ---

// Opened once: a guest of this SDK does not close buckets.
const Bucket& bucket() {
    static const auto opened = Bucket::open("b");
    return *opened;
}

Responses kv_set(const std::string& key, Number value_bytes) {
    if (auto set = bucket().set(key, wavs::Bytes(value_bytes)); !set) {
        return Error(set.error());
    }
    return answer("stored");
}

Responses kv_flood(const std::string&) {
    for (Number i = 0;; ++i) {
        if (auto stored = kv_set("key " + std::to_string(i), 1000); !stored) {
            return stored;
        }
    }
}

Responses kv_key(const std::string& bytes) { return kv_set(std::string(number(bytes), 'k'), 1); }
Responses kv_value(const std::string& bytes) { return kv_set("k", number(bytes)); }
Responses kv_bad_key(const std::string&) { return kv_set(kNotUtf8, 1); }

Responses kv_fill(const std::string& count) {
    for (Number i = 0; i < number(count); ++i) {
        if (auto stored = kv_set("key " + std::to_string(i), 0); !stored) {
            return stored;
        }
    }
    return answer("filled");
}

/// Files of so many bytes, one after the other until the host says no.
Responses file_flood(const std::string& bytes) {
    const std::string content(number(bytes), 'x');
    for (Number i = 0;; ++i) {
        std::FILE* file = std::fopen(("flood-" + std::to_string(i)).c_str(), "w");
        if (file == nullptr) {
            return Error("cannot open a file");
        }
        const auto written = std::fwrite(content.data(), 1, content.size(), file);
        if (std::fclose(file) != 0 || written != content.size()) {
            return Error("cannot write a file");
        }
    }
}

Responses kv_list(const std::string&) {
    const auto page = bucket().list(std::nullopt);
    return page ? Responses(answer(std::to_string(page->keys.size()))) : Error(page.error());
}

/// One stored value, many times in one call.
Responses kv_copies(const std::string& count) {
    if (auto stored = kv_set("copy", 512 * 1024); !stored) {
        return stored;
    }
    const std::vector<std::string> keys(number(count), "copy");
    const auto found = bucket().get_many(keys);
    return found ? Responses(answer("got them")) : Error(found.error());
}

/// Handles that each keep the value they saw.
Responses kv_cas(const std::string&) {
    if (auto stored = kv_set("seen", 512 * 1024); !stored) {
        return stored;
    }
    while (true) {
        if (auto cas = bucket().cas("seen"); !cas) {
            return Error(cas.error());
        }
    }
}

// --- files, past the C library, which would refuse some paths itself ---

using Descriptor = wasi_filesystem_types_own_descriptor_t;

Result<Descriptor> directory() {
    wasi_filesystem_preopens_list_tuple2_own_descriptor_string_t open;
    wasi_filesystem_preopens_get_directories(&open);
    if (open.len == 0) {
        return Error("cannot open: no directory");
    }
    return open.ptr[0].f0;
}

Result<Descriptor> open_in(Descriptor root, std::string_view path, std::uint8_t how) {
    auto name = wavs::raw::lend(path);
    Descriptor made;
    wasi_filesystem_types_error_code_t error = 0;
    if (!wasi_filesystem_types_method_descriptor_open_at(
            wasi_filesystem_types_borrow_descriptor(root),
            WASI_FILESYSTEM_TYPES_PATH_FLAGS_SYMLINK_FOLLOW, &name, how,
            WASI_FILESYSTEM_TYPES_DESCRIPTOR_FLAGS_READ |
                (how == 0 ? 0 : WASI_FILESYSTEM_TYPES_DESCRIPTOR_FLAGS_WRITE),
            &made, &error)) {
        return Error("cannot open: error " + std::to_string(error));
    }
    return made;
}

Responses open_file(const std::string& path, std::uint8_t how) {
    const auto root = directory();
    const auto file = root ? open_in(*root, path, how) : root;
    return file ? Responses(answer("opened")) : Error(file.error());
}

Responses read_file(const std::string& path) { return open_file(path, 0); }

Responses write_file(const std::string& path) {
    return open_file(path, WASI_FILESYSTEM_TYPES_OPEN_FLAGS_CREATE);
}

Responses link_and_read(const std::string& target) {
    const auto root = directory();
    if (!root) {
        return Error(root.error());
    }
    auto to = wavs::raw::lend(target);
    auto name = wavs::raw::lend("link");
    wasi_filesystem_types_error_code_t error = 0;
    if (!wasi_filesystem_types_method_descriptor_symlink_at(
            wasi_filesystem_types_borrow_descriptor(*root), &to, &name, &error)) {
        return Error("cannot make the link: error " + std::to_string(error));
    }
    return read_file("link");
}

Responses leak_descriptors(const std::string& path) {
    const auto root = directory();
    while (root) {
        if (auto file = open_in(*root, path, WASI_FILESYSTEM_TYPES_OPEN_FLAGS_CREATE); !file) {
            return Error(file.error());
        }
    }
    return Error(root.error());
}

struct Command {
    std::string_view name;
    Responses (*run)(const std::string&);
};

constexpr Command kCommands[] = {
    {"spin", run_spin},
    {"sleep", sleep_for_ever},
    {"nap", nap_for_ever},
    {"grow", grow},
    {"hog", hog},
    {"recurse", recurse},
    {"alloca", huge_alloca},
    {"read-outside", read_outside},
    {"divide", divide},
    {"call-wrong-type", call_wrong_type},
    {"call-nothing", call_nothing},
    {"abort", run_abort},
    {"exit", run_exit},
    {"flood-log", flood_log},
    {"flood-stdout", flood_stdout},
    {"flood-stderr", flood_stderr},
    {"bad-log", bad_log},
    {"bad-error", bad_error},
    {"huge-error", huge_error},
    {"payload", payload},
    {"without-salts", without_salts},
    {"with-salts", with_salts},
    {"random", random_bytes},
    {"leak-buckets", leak_buckets},
    {"leak-pollables", leak_pollables},
    {"leak-streams", leak_streams},
    {"leak-descriptors", leak_descriptors},
    {"drop-twice", drop_twice},
    {"use-dropped", use_dropped},
    {"poll-nothing", poll_nothing},
    {"kv-flood", kv_flood},
    {"kv-key", kv_key},
    {"kv-value", kv_value},
    {"kv-bad-key", kv_bad_key},
    {"kv-fill", kv_fill},
    {"file-flood", file_flood},
    {"kv-list", kv_list},
    {"kv-copies", kv_copies},
    {"kv-cas", kv_cas},
    {"read", read_file},
    {"write", write_file},
    {"link", link_and_read},
    {"realloc-reenter", [](const std::string&) { return realloc_as(Realloc::Reenter); }},
    {"realloc-outside", [](const std::string&) { return realloc_as(Realloc::Outside); }},
    {"realloc-odd", [](const std::string&) { return realloc_as(Realloc::Odd); }},
    {"realloc-spin", [](const std::string&) { return realloc_as(Realloc::Spin); }},
};

/// What happens before the node has a chance to call anything.
__attribute__((constructor)) void start() {
    const auto wanted = wavs::host::env("WAVS_ENV_START");
    if (wanted == "spin") {
        spin();
    }
    if (wanted == "abort") {
        std::abort();
    }
    if (wanted == "hog") {
        (void)hog("");
    }
}

}  // namespace

/// In place of the generated one, which is weak.
extern "C" __attribute__((export_name("cabi_realloc"))) void* cabi_realloc(void* old, std::size_t,
                                                                           std::size_t align,
                                                                           std::size_t size) {
    switch (g_realloc) {
        case Realloc::Reenter:
            wavs::host::log(wavs::host::Level::Info, "from inside a call of the host");
            break;
        case Realloc::Outside:
            return reinterpret_cast<void*>(static_cast<std::size_t>(0xffff0000U));
        case Realloc::Odd:
            return static_cast<char*>(std::malloc(size + align)) + (align > 1 ? 1 : 0);
        case Realloc::Spin:
            spin();
        case Realloc::Honest:
            break;
    }
    if (size == 0) {
        return reinterpret_cast<void*>(align);
    }
    void* made = std::realloc(old, size);
    if (made == nullptr) {
        std::abort();
    }
    return made;
}

Responses wavs::on_trigger(const TriggerAction& action) {
    const auto request = decode_request(action);
    if (!request) {
        return Error(request.error());
    }
    const auto text = text_of(request->data);
    const auto colon = text.find(':');
    const auto argument = colon == text.npos ? std::string() : std::string(text.substr(colon + 1));
    for (const auto& command : kCommands) {
        if (command.name == text.substr(0, colon)) {
            return command.run(argument);
        }
    }
    return Error("unknown command");
}
