// SPDX-License-Identifier: Apache-2.0
#include "local_engine.hpp"

#include "wavs/rt/native.hpp"
#include "wavs/storage/data_dir.hpp"

namespace wavs::cli {

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
    WAVS_TRY(auto root, storage::make_temporary_folder("wavs-cli"));
    std::unique_ptr<LocalEngine> out(new LocalEngine(std::move(root)));
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
    WAVS_TRY(const auto bytes, storage::read_file(file));
    return blobs_.put(base::as_bytes(bytes));
}

base::Result<rt::RunOutcome> LocalEngine::replay(base::Bytes record) {
    WAVS_TRY(const auto files, storage::make_temporary_folder("wavs-replay"));
    auto outcome = run(engine_->replay(std::move(record), files));
    std::error_code ignored;
    std::filesystem::remove_all(files, ignored);
    return outcome;
}

base::Result<void> LocalEngine::forget(const types::ServiceId& service) {
    WAVS_TRY(store_.write_unsynced(engine::KeyValue::erase_service(service)));
    engine_->key_value().forget(service);
    return run(engine_->remove_files(service));
}

}  // namespace wavs::cli
