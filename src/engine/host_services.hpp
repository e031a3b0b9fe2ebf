// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/engine/kv.hpp"
#include "wavs/rt/host_calls.hpp"
#include "wavs/types/chain_config.hpp"

#include <memory>
#include <mutex>

namespace wavs::engine {

/// What guests may ask the node for. Called on guest threads; owned by the engine, outlives its
/// rt::Engine.
class HostServices final : public rt::HostCalls {
public:
    explicit HostServices(KeyValue& kv);

    void set_chains(std::shared_ptr<const types::ChainConfigs> chains);

    void log(const rt::Origin& origin, rt::LogLevel level, rt::LogSource source,
             std::string_view text) override;
    std::optional<base::Bytes> chain_config(const rt::Origin& origin, rt::ChainFamily family,
                                            std::string_view chain_key) override;
    std::optional<rt::EventIdBytes> event_id(const rt::Origin& origin,
                                             base::ByteView salt) override;
    rt::Reply kv_get(const rt::Origin& origin, std::string_view bucket,
                     std::string_view key) override;
    rt::Reply kv_exists(const rt::Origin& origin, std::string_view bucket,
                        std::string_view key) override;
    rt::Reply kv_set(const rt::Origin& origin, std::string_view bucket, std::string_view key,
                     base::ByteView value) override;
    rt::Reply kv_delete(const rt::Origin& origin, std::string_view bucket,
                        std::string_view key) override;
    rt::Reply kv_list(const rt::Origin& origin, std::string_view bucket,
                      std::optional<std::string_view> cursor) override;
    rt::NumberReply kv_increment(const rt::Origin& origin, std::string_view bucket,
                                 std::string_view key, std::int64_t delta) override;
    rt::Reply kv_compare_and_swap(const rt::Origin& origin, std::string_view bucket,
                                  std::string_view key, std::optional<base::ByteView> expected,
                                  base::ByteView value) override;

private:
    std::shared_ptr<const types::ChainConfigs> chains() const;

    KeyValue& kv_;
    mutable std::mutex mutex_;
    std::shared_ptr<const types::ChainConfigs> chains_;
};

}  // namespace wavs::engine
