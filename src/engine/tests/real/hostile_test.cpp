// SPDX-License-Identifier: Apache-2.0
// What hostile components and inputs end with: the error by its name, memory that comes back, and
// other services that do not notice.
#include "hostile_cases.hpp"
#include "wavs/telemetry/testing/captured_log.hpp"

#include <gmock/gmock.h>

#include <malloc.h>
#include <unistd.h>

namespace wavs::engine {
namespace {

using base::ErrorKind;
using ::testing::HasSubstr;
using wasm::Bytes;

#ifdef __has_feature
constexpr bool kSanitized = __has_feature(address_sanitizer);
#else
constexpr bool kSanitized = false;
#endif
// The sanitizer keeps up to 256 MiB of what was freed, the guest library's memory too. Linear
// memories are not its business, and the suite fills several times this bound of them.
constexpr std::uint64_t kMayStay = (kSanitized ? 512 : 96) * kMiB;

Options tight_options() {
    Options options;
    options.limits.memory_bytes = 128 * kMiB;
    options.limits.handles = 500;
    options.limits.instances = 500;
    options.limits.host_call_bytes = 64 * kMiB;
    options.limits.payload_bytes = kMiB;
    options.limits.kv_bytes_per_service = kMiB;
    options.limits.fs_bytes_per_service = kMiB;
    return options;
}

std::uint64_t resident_bytes() {
    // What was freed and malloc keeps is not meant. The program's own malloc gives it back in time.
    ::malloc_trim(0);
    std::ifstream statm("/proc/self/statm");
    std::uint64_t total = 0;
    std::uint64_t resident = 0;
    statm >> total >> resident;
    return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

// One node for the whole suite, as in life: what one case leaves behind meets the next one.
class Surroundings {
public:
    Surroundings() : node_(dir_.path(), options()), innocent_(service(echo(), nullptr)) {
        std::filesystem::create_directories(dir_.path() / "app");
        std::ofstream(dir_.path() / "app" / "outside") << "secret";
    }

    Node& node() { return node_; }
    bool anything_written_outside() const {
        return std::filesystem::exists(dir_.path() / "app" / "evil");
    }

    // Each is a service of its own. Its time is short only where that is what ends it.
    ServiceSnapshot service(const Bytes& wasm, void (*tune)(types::Component&),
                            std::uint64_t seconds = 60) {
        auto component = component_of_digest(node_.blobs().put(wasm).value());
        component.time_limit_seconds = seconds;
        if (tune != nullptr) {
            tune(component);
        }
        auto made = service_with(component);
        made.manager = types::EvmManager{.chain = types::ChainKey::parse("evm:31337").value(),
                                         .address = id_of<types::EvmAddress>(++services_)};
        auto snapshot = snapshot_of(std::move(made));
        if (component.permissions.file_system) {
            plant_files(dir_.path() / "app" / types::to_string(snapshot.id));
        }
        return snapshot;
    }

    base::Result<OperatorOutcome> run(const ServiceSnapshot& of, std::string_view data) {
        return node_.wait(async::as_task(node_.engine().run_operator(operator_job(of, data))));
    }

    // What the service gets that has done nothing wrong.
    std::string innocent() {
        const auto outcome = run(innocent_, "innocent");
        return outcome.has_value()
                   ? std::string(base::as_text(outcome.value().responses.at(0).payload))
                   : outcome.error().full_text();
    }

private:
    static Options options() {
        auto options = tight_options();
        options.environment = {{"WAVS_ENV_START", "abort"}};
        return options;
    }
    static void plant_files(const std::filesystem::path& folder) {
        std::filesystem::create_directories(folder / "a");
        std::filesystem::create_symlink("../outside", folder / "planted");
    }

    TempDir dir_;
    std::uint8_t services_ = 0;
    Node node_;
    ServiceSnapshot innocent_;
};

class Hostile : public ::testing::TestWithParam<HostileCase> {
protected:
    static void SetUpTestSuite() {
        surroundings_ = std::make_unique<Surroundings>();
        for (int i = 0; i < 20; ++i) {
            EXPECT_EQ(surroundings_->innocent(), "innocent");
        }
        // Belongs to the warm-up: the engine keeps some slots resident for the next run.
        (void)surroundings_->run(surroundings_->service(hostile(), nullptr), "hog");
        resident_ = resident_bytes();
    }
    static void TearDownTestSuite() {
        const auto now = resident_bytes();
        EXPECT_LT(now, resident_ + kMayStay) << "after the warm-up: " << resident_;
        EXPECT_FALSE(surroundings_->anything_written_outside());
        surroundings_.reset();
    }
    // Nothing runs any more, and another service does not notice.
    void TearDown() override {
        const auto status = surroundings_->node().engine().status();
        EXPECT_EQ(status.running, 0U);
        EXPECT_EQ(status.waiting, 0U);
        EXPECT_EQ(surroundings_->innocent(), "innocent");
    }

    static inline std::unique_ptr<Surroundings> surroundings_;
    static inline std::uint64_t resident_ = 0;
};

TEST_P(Hostile, ends_with_its_error) {
    const auto& hostile_case = GetParam();
    const auto wasm = hostile_case.component ? hostile_case.component() : hostile();
    const auto service = surroundings_->service(wasm, hostile_case.tune,
                                                hostile_case.code == "out_of_time" ? 1 : 60);
    const auto outcome = surroundings_->run(service, hostile_case.command);
    ASSERT_FALSE(outcome.has_value());
    EXPECT_EQ(outcome.error().code().view(), hostile_case.code) << outcome.error().full_text();
    EXPECT_EQ(outcome.error().kind(), hostile_case.kind);
    EXPECT_THAT(outcome.error().message(), HasSubstr(hostile_case.text));
    // Nothing a guest says becomes a message without end.
    EXPECT_LT(outcome.error().message().size(), 80U << 10);
}

std::string name_of(const ::testing::TestParamInfo<HostileCase>& info) {
    return std::string(info.param.name);
}
INSTANTIATE_TEST_SUITE_P(cases, Hostile, ::testing::ValuesIn(all_cases()), name_of);

// Somebody uploads it: the same error, but it is the input that is wrong, and nothing ran.
class HostileUpload : public Hostile {};

TEST_P(HostileUpload, is_refused) {
    const auto& hostile_case = GetParam();
    const auto answer = surroundings_->node().wait(surroundings_->node().engine().validate(
        std::make_shared<const Bytes>(hostile_case.component()), World::Operator));
    ASSERT_FALSE(answer.has_value());
    EXPECT_EQ(answer.error().code().view(), hostile_case.code) << answer.error().full_text();
    EXPECT_EQ(answer.error().kind(),
              hostile_case.kind == ErrorKind::Guest ? ErrorKind::Invalid : hostile_case.kind);
    EXPECT_THAT(answer.error().message(), HasSubstr(hostile_case.text));
}
INSTANTIATE_TEST_SUITE_P(modules, HostileUpload, ::testing::ValuesIn(modules_that_are_refused()),
                         name_of);
INSTANTIATE_TEST_SUITE_P(inputs, HostileUpload, ::testing::ValuesIn(inputs_that_are_no_component()),
                         name_of);

// --- what is odd and yet runs, and what must not grow ---

class HostileNode : public RealEngineTest {
protected:
    void use_bytes(const Bytes& wasm) {
        component_ = component_of_digest(node().blobs().put(wasm).value());
    }
    // The files of compiled code with this ending.
    std::vector<std::filesystem::path> compiled(std::string_view ending) {
        std::vector<std::filesystem::path> found;
        for (const auto& entry :
             std::filesystem::recursive_directory_iterator(dir_.path() / "cwasm")) {
            if (entry.path().string().ends_with(ending)) {
                found.push_back(entry.path());
            }
        }
        return found;
    }
};

TEST_F(HostileNode, more_instances_than_a_slot_has_run_on_the_other_engine) {
    use_bytes(wasm::with_module(echo(), wasm::module({}), 300));
    EXPECT_EQ(text("x"), "x");
    EXPECT_EQ(node().engine().status().library.on_demand, 1U);
}

TEST_F(HostileNode, ten_megabytes_of_custom_section_are_no_harm) {
    const auto custom = wasm::join({wasm::name("ballast"), Bytes(10 * kMiB)});
    use_bytes(wasm::join({echo(), wasm::section(wasm::Part::Custom, custom)}));
    EXPECT_EQ(text("x"), "x");
}

TEST_F(HostileNode, damaged_compiled_code_is_made_again) {
    WAVS_USE("echo");
    for (const std::string_view ending : {".cwasm", ".sha256"}) {
        EXPECT_EQ(text("x"), "x");
        node_.reset();
        const auto files = compiled(ending);
        ASSERT_EQ(files.size(), 1U);
        std::fstream file(files[0], std::ios::binary | std::ios::in | std::ios::out);
        file.seekp(static_cast<std::streamoff>(std::filesystem::file_size(files[0]) / 2));
        file.put('~');
        file.close();
        EXPECT_EQ(text("x"), "x");
        EXPECT_EQ(node().engine().status().library.disk_rejected, 1U);
        EXPECT_EQ(node().engine().status().library.compiled, 1U);
    }
}

TEST_F(HostileNode, a_bucket_with_many_keys_comes_in_pages) {
    WAVS_USE("hostile");
    EXPECT_EQ(text("kv-fill:3000"), "filled");
    EXPECT_EQ(text("kv-list"), "1000");
}

TEST_F(HostileNode, floods_reach_the_log_as_far_as_the_limit) {
    options_.limits.log_bytes = 6400;
    WAVS_USE("hostile");
    component_.time_limit_seconds = 1;
    for (const auto* command : {"flood-log:0", "flood-stdout", "flood-stderr"}) {
        const telemetry::testing::CapturedLog log;
        EXPECT_THAT(text(command), HasSubstr("out_of_time"));
        const auto lines = log.count("stream=");
        EXPECT_GE(lines, 1U) << command;
        // host.log may write sixteen times as much; the shortest line counts as 64 bytes.
        EXPECT_LE(lines, 16 * 100 + 1U) << command;
        EXPECT_EQ(log.count("exceeds its limit"), 1U) << command;
    }
}

TEST_F(HostileNode, linear_memory_comes_back) {
    options_.limits.memory_bytes = 256 * kMiB;
    WAVS_USE("hostile");
    (void)text("hog");
    const auto before = resident_bytes();
    for (int i = 0; i < 6; ++i) {
        EXPECT_THAT(text("hog"), HasSubstr("component_error"));
    }
    EXPECT_LT(resident_bytes(), before + 128 * kMiB);
}

}  // namespace
}  // namespace wavs::engine
