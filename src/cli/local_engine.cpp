// SPDX-License-Identifier: Apache-2.0
#include "local_engine.hpp"

#include "wavs/rt/native.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>

namespace wavs::cli {

base::Result<base::Bytes> read_file(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    base::Bytes bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    if (in.bad() || (bytes.empty() && !in.eof())) {
        return base::Error(base::ErrorKind::Invalid, "file_unreadable",
                           fmt::format("{} cannot be read", file.string()), "check the path");
    }
    return bytes;
}

LocalEngine::LocalEngine(std::filesystem::path root)
    : root_(std::move(root)), blobs_(root_ / "ca") {}

LocalEngine::~LocalEngine() {
    engine_.reset();
    runtime_.stop();
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
}

base::Result<std::unique_ptr<LocalEngine>> LocalEngine::make(
    std::map<std::string, std::string> environment) {
    auto pattern = (std::filesystem::temp_directory_path() / "wavs-cli-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) {
        return base::Error(base::ErrorKind::Unavailable, "temp_folder",
                           fmt::format("cannot make a folder {}", pattern),
                           "set TMPDIR to a folder that can be written");
    }
    std::unique_ptr<LocalEngine> out(new LocalEngine(pattern));
    WAVS_TRY(out->quarantine_,
             engine::Quarantine::open(out->root_ / "strikes", out->clock_, out->metrics_));
    engine::Options options;
    options.data = out->root_;
    options.environment = std::move(environment);
    WAVS_TRY(out->engine_,
             engine::Engine::create(std::move(options), {.blocking = out->runtime_.blocking(),
                                                         .metrics = out->metrics_,
                                                         .store = out->store_,
                                                         .blobs = out->blobs_,
                                                         .library = rt::native_library(),
                                                         .quarantine = *out->quarantine_}));
    // The machine of whoever runs the command, not that of an operator.
    WAVS_TRY(out->engine_->set_network({.deny_private = false}));
    return out;
}

base::Result<types::ComponentDigest> LocalEngine::add_component(const std::filesystem::path& file) {
    WAVS_TRY(const auto bytes, read_file(file));
    return blobs_.put(bytes);
}

base::Result<std::filesystem::path> LocalEngine::folder(std::string_view name) {
    auto path = root_ / name;
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error) {
        return base::Error(base::ErrorKind::Unavailable, "temp_folder",
                           fmt::format("{}: {}", path.string(), error.message()));
    }
    return path;
}

base::Result<void> LocalEngine::forget(const types::ServiceId& service) {
    WAVS_TRY(store_.write_unsynced(engine::KeyValue::erase_service(service)));
    engine_->key_value().forget(service);
    return run(engine_->remove_files(service));
}

}  // namespace wavs::cli
