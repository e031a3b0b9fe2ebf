// SPDX-License-Identifier: Apache-2.0
#include "wavs/net/free_port.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <set>

namespace wavs::net {
namespace {

base::Result<std::uint16_t> probe() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    auto* any = reinterpret_cast<sockaddr*>(&address);
    const bool done =
        fd >= 0 && ::bind(fd, any, length) == 0 && ::getsockname(fd, any, &length) == 0;
    const int reason = errno;
    if (fd >= 0) {
        ::close(fd);
    }
    if (!done) {
        return base::Error(base::ErrorKind::Unavailable, "no_free_port",
                           fmt::format("no free TCP port: {}", std::strerror(reason)));
    }
    return ntohs(address.sin_port);
}

}  // namespace

base::Result<std::uint16_t> free_port() {
    // The kernel may hand out a port again before its first taker has bound it.
    static std::mutex mutex;
    static std::set<std::uint16_t> given;
    const std::lock_guard lock(mutex);
    for (int i = 0; i < 64; ++i) {
        WAVS_TRY(auto port, probe());
        if (given.insert(port).second) {
            return port;
        }
    }
    given.clear();
    return probe();
}

}  // namespace wavs::net
