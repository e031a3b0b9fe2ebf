// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/aggregator/exchange.hpp"
#include "wavs/config/config.hpp"
#include "wavs/crypto/secret_key.hpp"
#include "wavs/dispatcher/services.hpp"
#include "wavs/engine/options.hpp"
#include "wavs/http/http_options.hpp"
#include "wavs/p2p/start.hpp"
#include "wavs/sources/sources.hpp"
#include "wavs/triggers/block_watch.hpp"
#include "wavs/triggers/cron_watch.hpp"

#include <optional>

/// Each module's options from the configuration: the one place where a renamed key is felt.
namespace wavs::app {

engine::Options engine_options(const config::Config& config,
                               std::map<std::string, std::string> environment);
sources::SourcesOptions sources_options(const config::Config& config);
dispatcher::ServicesOptions services_options(const config::Config& config);
triggers::CronOptions cron_options(const config::Config& config);
triggers::BlockOptions block_options(const config::Config& config);
/// None: the node has no peers.
std::optional<p2p::Options> p2p_options(const config::Config& config);
aggregator::ExchangeOptions exchange_options(const config::Config& config);
base::Result<http::HttpOptions> http_options(const config::Config& config);
/// The account that pays for transactions: a raw key, or index 0 of a mnemonic.
base::Result<std::shared_ptr<const crypto::SecretKey>> account_key(std::string_view credential);

}  // namespace wavs::app
