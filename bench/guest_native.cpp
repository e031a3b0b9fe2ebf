// SPDX-License-Identifier: Apache-2.0
#include "engine_bed.hpp"

// The very source of the component `kernels`.
#include "examples/components/tests/kernels/kernels.hpp"

#include <unistd.h>

#include <functional>

namespace wavs::bench {
namespace {

struct Kernel {
    std::string_view name;
    /// About 50 ms of native code.
    std::uint64_t rounds;
};
constexpr std::array<Kernel, 4> kKernels = {
    {{"sha256", 3'000}, {"json", 2'000}, {"mul256_32", 800'000}, {"mul256_64", 1'600'000}}};

// Time on the CPU, so that what else the machine does is not counted.
double cpu_seconds_of(const std::function<void()>& work) {
    const auto before = usage_of(::getpid());
    work();
    return usage_of(::getpid()).cpu_seconds - before.cpu_seconds;
}

struct Times {
    double guest = 0;
    double unmetered = 0;
    double native = 0;
};

Times measure(EngineBed& bed, const engine::ServiceSnapshot& service, Bare& bare,
              const Kernel& kernel) {
    const auto data = fmt::format("{}:{}", kernel.name, kernel.rounds);
    engine::OperatorOutcome outcome;
    std::uint64_t sum = 0;
    Times times;
    times.guest = cpu_seconds_of([&] { outcome = bed.run(service, data); });
    times.unmetered = cpu_seconds_of([&] { (void)bare.seconds(job_of(service, data), 1); });
    times.native = cpu_seconds_of([&] { sum = kernels::run(kernel.name, kernel.rounds); });
    const auto expected = base::as_text(outcome.responses.at(0).payload);
    if (std::to_string(sum) != expected) {
        throw std::runtime_error(
            fmt::format("{}: the guest came to {}, native code to {}", kernel.name, expected, sum));
    }
    return times;
}

}  // namespace

void guest_native(const Settings& settings) {
    EngineBed bed(fresh_folder(settings, "guest_native"));
    const auto service = bed.service("kernels");
    Bare bare("kernels", Bare::Metering::Off);
    Line line("guest_native");
    for (const auto& kernel : kKernels) {
        std::vector<double> metered;
        std::vector<double> unmetered;
        for (unsigned i = 0; i < settings.runs; ++i) {
            const auto times = measure(bed, service, bare, kernel);
            metered.push_back(times.guest / times.native);
            unmetered.push_back(times.unmetered / times.native);
            note(fmt::format("{}: {:.1f} ms, unmetered {:.1f} ms, native {:.1f} ms", kernel.name,
                             times.guest * 1e3, times.unmetered * 1e3, times.native * 1e3));
        }
        line.add(kernel.name, median(std::move(metered)), 2)
            .add(fmt::format("{}_unmetered", kernel.name), median(std::move(unmetered)), 2);
    }
    line.print();
}

}  // namespace wavs::bench
