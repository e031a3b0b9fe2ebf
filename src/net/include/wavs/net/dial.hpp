// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/timers.hpp"
#include "wavs/base/clock.hpp"

#include <functional>
#include <string>
#include <vector>

namespace wavs::net {

/// Names to addresses; a port, so that tests need no DNS. Thread-safe.
class Resolver {
public:
    virtual ~Resolver() = default;
    /// IP addresses in text form, best first; never empty.
    virtual async::Task<base::Result<std::vector<std::string>>> resolve(std::string host) = 0;
};

/// The system's resolver on the blocking pool.
class SystemResolver final : public Resolver {
public:
    explicit SystemResolver(async::Executor blocking) : blocking_(std::move(blocking)) {}
    async::Task<base::Result<std::vector<std::string>>> resolve(std::string host) override;

private:
    async::Executor blocking_;
};

/// Asked for each address before it is dialled; an error refuses it. The address that was asked for
/// is the one that is dialled: there is no second resolution.
using AddressFilter =
    std::function<base::Result<void>(const std::string& host, const std::string& address)>;

/// Not reachable from the public internet: private, loopback, link-local, multicast, unspecified
/// and metadata addresses, also in their IPv4-in-IPv6 forms. True for what is no address at all.
bool is_private_address(std::string_view address);
/// A filter that refuses those, code `address_private`.
AddressFilter deny_private_addresses();

/// What every outgoing connection needs. The references must outlive the clients.
struct DialContext {
    async::Timers& timers;
    base::Clock& clock;
    Resolver& resolver;
    AddressFilter filter;
    /// PEM file of certificate authorities accepted in addition to the system's.
    std::string ca_file;
};

}  // namespace wavs::net
