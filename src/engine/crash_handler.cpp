// SPDX-License-Identifier: Apache-2.0
// Everything below `on_fatal` is async-signal-safe.
#include "crash_handler.hpp"

#include "strikes.hpp"

#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <mutex>

namespace wavs::engine {
namespace {

constexpr std::array kSignals = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

// A signal handler has no context, so what it needs stands here.
std::array<struct sigaction, kSignals.size()> g_previous{};
std::atomic<int> g_file{-1};
std::atomic<const rt::Library*> g_library{nullptr};
/// The thread that ends the process; 0: none does.
std::atomic<pid_t> g_ending{0};

static_assert(std::atomic<int>::is_always_lock_free && std::atomic<pid_t>::is_always_lock_free);

// What another process sends says nothing about the thread it happens to reach.
bool is_of_this_thread(const siginfo_t& info) noexcept {
    return info.si_code > 0 || (info.si_code == SI_TKILL && info.si_pid == ::getpid());
}

void note(int number) noexcept {
    const int file = g_file.load();
    const auto* library = g_library.load();
    rt::GuestMark guest;
    if (file < 0 || library == nullptr || !rt::current_guest(*library, guest)) {
        return;
    }
    timespec now{};
    (void)::clock_gettime(CLOCK_REALTIME, &now);
    StrikeLine line;
    line.at = {static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000ULL +
               static_cast<std::uint64_t>(now.tv_nsec)};
    line.signal = static_cast<std::uint8_t>(number);
    line.digest = types::ComponentDigest(guest.digest);
    line.service = types::ServiceId(guest.service_id);
    line.event = types::EventId(guest.event_id);
    const auto text = encode(line);
    if (::write(file, text.data(), text.size()) > 0) {
        (void)::fsync(file);
    }
}

// To whoever was there before, such as a sanitizer with its report; then as if nobody had been.
void pass_on(int number, siginfo_t* info, void* context) noexcept {
    const auto at = std::find(kSignals.begin(), kSignals.end(), number) - kSignals.begin();
    const auto& previous = g_previous[static_cast<std::size_t>(at)];
    if ((previous.sa_flags & SA_SIGINFO) != 0) {
        previous.sa_sigaction(number, info, context);
    } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
        previous.sa_handler(number);
    }
    struct sigaction fresh{};
    fresh.sa_handler = SIG_DFL;
    (void)::sigaction(number, &fresh, nullptr);
    sigset_t only{};
    (void)::sigemptyset(&only);
    (void)::sigaddset(&only, number);
    (void)::pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
    (void)::raise(number);
}

void on_fatal(int number, siginfo_t* info, void* context) {
    const pid_t self = ::gettid();
    pid_t ending = 0;
    const bool first = g_ending.compare_exchange_strong(ending, self);
    // Only the first crash counts: what others still do while the process ends proves nothing.
    if (!first && ending != self) {
        while (true) {
            (void)::pause();
        }
    }
    if (first && is_of_this_thread(*info)) {
        note(number);
    }
    pass_on(number, info, context);
}

base::Result<void> install() {
    struct sigaction action{};
    action.sa_sigaction = on_fatal;
    // The stack in use may be what is broken. Guest threads have another one from the guest engine.
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    (void)::sigemptyset(&action.sa_mask);
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
        if (::sigaction(kSignals[i], nullptr, &g_previous[i]) != 0 ||
            ::sigaction(kSignals[i], &action, nullptr) != 0) {
            return base::Error(
                base::ErrorKind::Bug, "crash_handler",
                fmt::format("no handler for signal {}: {}", kSignals[i], std::strerror(errno)),
                "report this fault of the node");
        }
    }
    return base::ok();
}

}  // namespace

base::Result<void> note_crashes(int file, const rt::Library& library) {
    static const base::Result<void> installed = install();
    WAVS_TRY(installed);
    g_library.store(&library);
    g_file.store(file);
    return base::ok();
}

void stop_noting_crashes(int file) { (void)g_file.compare_exchange_strong(file, -1); }

}  // namespace wavs::engine
