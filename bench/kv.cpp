// SPDX-License-Identifier: Apache-2.0
#include "engine_bed.hpp"

namespace wavs::bench {
namespace {

constexpr unsigned kInFlight = 64;
// Keys that are written and read in turn.
constexpr std::uint64_t kKeys = 1'000;
constexpr std::uint64_t kKeysPerBatch = 100;

std::string key_of(std::uint64_t number) { return fmt::format("key-{:04}", number % kKeys); }

std::string set_one(std::uint64_t number) {
    return fmt::format(R"({{"write":{{"bucket":"b","key":"{}","value":[1,2,3,4,5,6,7,8]}}}})",
                       key_of(number));
}
std::string get_one(std::uint64_t number) {
    return fmt::format(R"({{"read":{{"bucket":"b","key":"{}"}}}})", key_of(number));
}
std::string increment_one(std::uint64_t number) {
    return fmt::format(R"({{"atomic_increment":{{"bucket":"b","key":"{}","delta":1}}}})",
                       key_of(number));
}
std::string get_many(std::uint64_t number) {
    std::string keys;
    for (std::uint64_t i = 0; i < kKeysPerBatch; ++i) {
        keys += fmt::format("{}\"{}\"", i == 0 ? "" : ",", key_of(number * kKeysPerBatch + i));
    }
    return fmt::format(R"({{"batch_read":{{"bucket":"b","keys":[{}]}}}})", keys);
}
std::string set_many(std::uint64_t number) {
    std::string values;
    for (std::uint64_t i = 0; i < kKeysPerBatch; ++i) {
        values += fmt::format("{}\"{}\":[1,2,3,4,5,6,7,8]", i == 0 ? "" : ",",
                              key_of(number * kKeysPerBatch + i));
    }
    return fmt::format(R"({{"batch_write":{{"bucket":"b","values":{{{}}}}}}})", values);
}
std::string list_all(std::uint64_t) { return R"({"list_keys":{"bucket":"b","cursor":null}})"; }

struct Operation {
    std::string_view key;
    std::string (*data)(std::uint64_t number);
    /// Operations, or keys, in one run.
    std::uint64_t per_run;
};
constexpr std::array<Operation, 6> kOperations = {{{"set_per_s", set_one, 1},
                                                   {"get_per_s", get_one, 1},
                                                   {"increment_per_s", increment_one, 1},
                                                   {"set_many_keys_per_s", set_many, kKeysPerBatch},
                                                   {"get_many_keys_per_s", get_many, kKeysPerBatch},
                                                   {"list_keys_per_s", list_all, kKeys}}};

}  // namespace

void kv(const Settings& settings) {
    EngineBed bed(fresh_folder(settings, "kv"));
    const auto service = bed.service("kv");
    Line line("kv");
    for (const auto& operation : kOperations) {
        Lanes lanes(bed.engine(),
                    [&](std::uint64_t number) { return job_of(service, operation.data(number)); });
        if (operation.data == set_one) {
            lanes.run(kInFlight, kKeys);
        }
        std::vector<double> rates;
        for (unsigned i = 0; i < settings.runs; ++i) {
            rates.push_back(lanes.rate(kInFlight, settings.window / 10).runs_per_s *
                            static_cast<double>(operation.per_run));
        }
        line.add(operation.key, median(std::move(rates)));
    }
    line.print();
}

}  // namespace wavs::bench
