// SPDX-License-Identifier: Apache-2.0
#include "node_program.hpp"
#include "paced_load.hpp"
#include "soak_verdict.hpp"

#include "wavs/async/runtime.hpp"
#include "wavs/chain_evm/abi.hpp"
#include "wavs/chain_evm/numbers.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <deque>

namespace wavs::bench {
namespace {

using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

constexpr auto kSampleEvery = seconds(10);
constexpr auto kVisitEvery = seconds(5);
constexpr auto kPassingEvery = seconds(5);
constexpr auto kUpdateEvery = seconds(30);
constexpr auto kBlockTime = seconds(1);
constexpr auto kPatience = seconds(120);
constexpr double kMostLengths = 2;
constexpr std::size_t kLogLines = 40;
constexpr double kSecondsOfADay = 86'400;
constexpr unsigned kClients = 64;
constexpr unsigned kVisitors = 32;
// Visitors that were here stay connected for so many visits.
constexpr std::size_t kVisitsOpen = 3;
constexpr std::uint64_t kPassingEvents = 5;
// What is kept is kept so long that the first quarter of a run fills it.
constexpr std::string_view kNodeConfig =
    "[wavs.storage]\nevent_retention = \"30s\"\n[wavs.aggregator]\nburned_queue_ttl_secs = 30\n";

double number_from(const char* variable, double otherwise, double least) {
    const char* text = std::getenv(variable);
    const double number = text == nullptr ? otherwise : std::strtod(text, nullptr);
    if (!(number >= least)) {
        throw std::runtime_error(fmt::format("{} must be a number from {} on", variable, least));
    }
    return number;
}

async::Task<base::Result<void>> fire_over_http(cli::NodeClient client,
                                               types::TriggerAction action) {
    cli::SimulatedTrigger trigger;
    trigger.action = std::move(action);
    co_return co_await client.simulate_trigger(std::move(trigger));
}

async::Task<void> visit(cli::NodeClient client, std::string target, std::uint64_t& failed) {
    const auto answer = co_await client.expect_success({.target = std::move(target)});
    failed += answer.has_value() ? 0 : 1;
}

/// Signed, aggregated, and at its end without a chain.
types::Service manual_service(ClientSide& side, cli::NodeClient& node,
                              const types::EvmAddress& manager) {
    types::SubmitAggregator submit;
    submit.component.source = types::DigestSource{upload(side, node, "delayed_aggregator")};
    submit.signature_kind = types::kEvmSignatureKind;
    types::Workflow workflow;
    workflow.trigger = types::ManualTrigger{};
    workflow.component.source = types::DigestSource{upload(side, node, "echo")};
    workflow.submit = std::move(submit);
    types::Service service;
    service.name = "soak";
    service.workflows.emplace(types::WorkflowId(), std::move(workflow));
    service.manager = types::EvmManager{cli::Devnet::chain(), manager};
    return service;
}

/// A node under load, and all that happens around it.
class Soak {
public:
    Soak(const Settings& settings, double length, double rate, double chain_rate)
        : length_(length),
          chain_rate_(chain_rate),
          folder_(fresh_folder(settings, "soak")),
          chain_(side_, settings, folder_, chain_options()),
          client_(chain_.devnet().node().client()),
          manual_(manual_service(side_, client_, address_of(0))),
          announced_(chain_.service()) {
        side_.must(client_.register_saved(side_.must(client_.save_manifest(manual_))));
        PacedLoad::Pace pace{rate, static_cast<std::uint64_t>(rate * length), kClients};
        const cli::NodeClient client(*load_http_, client_.base_url());
        const FireTask fire = [client](types::TriggerAction action) {
            return fire_over_http(client, std::move(action));
        };
        load_ = std::make_unique<PacedLoad>(threads_.io(), config_of(manual_), fire, pace);
    }
    ~Soak() {
        load_->stop(threads_);
        threads_.stop();
    }
    Soak(const Soak&) = delete;
    Soak& operator=(const Soak&) = delete;

    /// What went wrong; empty when nothing did.
    std::vector<std::string> run();
    /// The last that the node said.
    void show_log();

private:
    static ChainOptions chain_options() {
        return {.block_time = kBlockTime,
                // So that the chain does not grow; what is asked for is at most some blocks old.
                .chain_args = {"--prune-history", "--transaction-block-keeper", "16"},
                .node_config = std::string(kNodeConfig),
                .log_level = "warn",
                .aggregator = "delayed_aggregator",
                .aggregator_config = {{"delay-secs", "2"}}};
    }
    // No contract is there: nothing but its number matters.
    static types::EvmAddress address_of(std::uint64_t number) {
        return must(types::parse_evm_address(fmt::format("0x50a4{:036x}", number)));
    }
    double elapsed() const { return seconds_between(start_, Clock::now()); }
    std::string metrics() { return side_.must(client_.expect_success({.target = "/metrics"})); }

    void fire_on_chain();
    void visit_node();
    void register_and_remove();
    void update_manifest();
    void sample();
    std::uint64_t handled();
    std::uint64_t ask(const types::EvmAddress& contract, std::string_view function);
    void wait_for_the_last();
    void judge(std::vector<std::string>& wrong);
    void stop_node(std::vector<std::string>& wrong);
    void report(const std::vector<Trend>& trends, const std::vector<std::string>& wrong);

    const double length_;
    const double chain_rate_;
    std::filesystem::path folder_;
    ClientSide side_;
    ChainNode chain_;
    cli::NodeClient client_;
    types::Service manual_;
    types::Service announced_;
    async::Runtime threads_{{.io_threads = 1, .blocking_threads = 1}};
    // Its connections live on those threads, and go before them.
    std::unique_ptr<net::HttpClient> load_http_ = side_.another_client(kClients);
    std::unique_ptr<PacedLoad> load_;
    std::deque<std::unique_ptr<net::HttpClient>> visitors_;
    Clock::time_point start_;
    std::uint64_t fired_ = 0;
    std::uint64_t passed_ = 0;
    std::uint64_t updates_ = 0;
    std::uint64_t visits_failed_ = 0;
    std::vector<Holding> samples_;
};

/// Calls a function at its times.
class Rhythm {
public:
    Rhythm(seconds every, std::function<void()> function)
        : every_(every), next_(every), function_(std::move(function)) {}
    void at(double elapsed) {
        if (elapsed >= next_.count()) {
            next_ += every_;
            function_();
        }
    }

private:
    std::chrono::duration<double> every_;
    std::chrono::duration<double> next_;
    std::function<void()> function_;
};

std::vector<std::string> Soak::run() {
    Rhythm rhythms[] = {{seconds(1), [this] { fire_on_chain(); }},
                        {kVisitEvery, [this] { visit_node(); }},
                        {kPassingEvery, [this] { register_and_remove(); }},
                        {kUpdateEvery, [this] { update_manifest(); }},
                        {kSampleEvery, [this] { sample(); }}};
    start_ = Clock::now();
    load_->start();
    // On a busy machine the load takes longer.
    while (elapsed() < length_ || (load_->running() && elapsed() < kMostLengths * length_)) {
        for (auto& rhythm : rhythms) {
            rhythm.at(elapsed());
        }
        side_.pause(std::chrono::milliseconds(50));
    }
    sample();
    wait_for_the_last();
    std::vector<std::string> wrong;
    const auto trends = trends_of(samples_, samples_.back().at_s);
    for (const auto& trend : trends) {
        if (!trend.flat()) {
            wrong.push_back(fmt::format("{} grew from {:.1f} to {:.1f}, at most {:.1f} is flat",
                                        trend.name, trend.early, trend.late, trend.limit));
        }
    }
    judge(wrong);
    stop_node(wrong);
    report(trends, wrong);
    return wrong;
}

void Soak::fire_on_chain() {
    const auto due = static_cast<std::uint64_t>(std::min(elapsed(), length_) * chain_rate_);
    if (due == fired_) {
        return;
    }
    auto call = chain_evm::encode_call(
        cli::selector_for("addTriggerCount(bytes,uint256)"),
        {chain_evm::AbiValue::string("soak"), chain_evm::AbiValue::uint(due - fired_)});
    // Not the account that announces manifests: two senders of one account wait for each other.
    side_.must(chain_.devnet().anvil().send(must(cli::anvil_account(9)), chain_.contracts().trigger,
                                            std::move(call)));
    fired_ = due;
}

void Soak::visit_node() {
    visitors_.push_back(side_.another_client(kVisitors));
    if (visitors_.size() > kVisitsOpen) {
        visitors_.pop_front();
    }
    const cli::NodeClient client(*visitors_.back(), client_.base_url());
    async::TaskGroup group(side_.context().get_executor(), "visitors");
    for (unsigned i = 0; i < kVisitors; ++i) {
        group.spawn("visitor",
                    visit(client, i % 2 == 0 ? "/node/services" : "/node/events", visits_failed_));
    }
    while (group.running() > 0) {
        side_.pause(std::chrono::milliseconds(5));
    }
}

void Soak::register_and_remove() {
    auto service = manual_;
    service.name = fmt::format("passing {}", ++passed_);
    service.manager = types::EvmManager{cli::Devnet::chain(), address_of(passed_)};
    side_.must(client_.register_saved(side_.must(client_.save_manifest(service))));
    cli::SimulatedTrigger trigger;
    trigger.action = action_of(config_of(service), passed_);
    trigger.count = kPassingEvents;
    side_.must(client_.simulate_trigger(std::move(trigger)));
    side_.must(client_.remove_services({service.manager}));
}

void Soak::update_manifest() {
    announced_.name = fmt::format("soak {}", ++updates_);
    side_.must(chain_.devnet().publish(announced_));
}

std::uint64_t Soak::handled() { return ask(chain_.contracts().handler, "getHandledCount()"); }

std::uint64_t Soak::ask(const types::EvmAddress& contract, std::string_view function) {
    chain_evm::CallRequest call;
    call.to = contract;
    call.data = chain_evm::encode_call(cli::selector_for(std::string(function)), {});
    const auto outcome = side_.must(chain_.devnet().anvil().rpc().call(std::move(call)));
    const auto* bytes = std::get_if<base::Bytes>(&outcome);
    if (bytes == nullptr) {
        throw std::runtime_error(fmt::format("a contract does not answer {}", function));
    }
    return chain_evm::to_u64(must(chain_evm::decode_uint(*bytes))).value_or(0);
}

void Soak::sample() {
    auto& devnet = chain_.devnet();
    if (const auto ended = devnet.ended_process(); !ended.empty()) {
        throw std::runtime_error(ended + " ended by itself");
    }
    const auto page = metrics();
    auto holding = holding_of(devnet.node().pid(), folder_ / "node-0" / "data", page);
    holding.at_s = elapsed();
    Line("soak_sample")
        .add("at_s", holding.at_s)
        .add("rss_mb", holding.rss_mb, 1)
        .add("descriptors", holding.descriptors)
        .add("threads", holding.threads)
        .add("files", holding.files)
        .add("data_mb", holding.data_mb, 1)
        .add("manual_events", static_cast<double>(load_->completed()))
        .add("chain_events", static_cast<double>(fired_))
        .add("chain_results", static_cast<double>(handled()))
        .add("results_waiting", metric_of(page, "wavs_results_waiting"))
        .add("queues", holding.queues)
        .add("chain_rss_mb", usage_of(devnet.anvil().pid()).rss_mb)
        .add("client_rss_mb", usage_of_this_process().rss_mb)
        .print();
    samples_.push_back(std::move(holding));
}

void Soak::wait_for_the_last() {
    fire_on_chain();
    const auto end = Clock::now() + kPatience;
    while (Clock::now() < end && (load_->running() || handled() < fired_)) {
        side_.pause(std::chrono::milliseconds(200));
    }
    // Longer than a replacement or a second result would take to show.
    side_.pause(seconds(5));
}

void Soak::judge(std::vector<std::string>& wrong) {
    const auto expect = [&wrong](std::string_view what, std::uint64_t wanted, std::uint64_t found) {
        if (wanted != found) {
            wrong.push_back(fmt::format("{}: {} instead of {}", what, found, wanted));
        }
    };
    const auto page = metrics();
    const auto count = [&page](const char* name) {
        return static_cast<std::uint64_t>(metric_of(page, name));
    };
    const auto manual = load_->completed() + passed_ * kPassingEvents;
    expect("manual events that ended", load_->total(), load_->completed());
    if (const auto failure = load_->first_failure()) {
        wrong.push_back("the first that failed: " + failure->full_text());
    }
    expect("contract events on chain", fired_,
           ask(chain_.contracts().trigger, "getLastTriggerId()"));
    expect("results on chain", fired_, handled());
    expect("events that ended well", manual + fired_, count("wavs_events_done_total"));
    expect("results that were signed", manual + fired_, count("wavs_submissions_signed_total"));
    expect("events that failed", 0, count("wavs_events_failed_total"));
    expect("signatures that were refused", 0, count("wavs_signatures_refused_total"));
    expect("results that were given up", 0, count("wavs_results_failed_total"));
    expect("results that wait", 0, count("wavs_results_waiting"));
    expect("visits that failed", 0, visits_failed_);
}

void Soak::stop_node(std::vector<std::string>& wrong) {
    visitors_.clear();
    const auto ended = side_.must(chain_.devnet().node().stop());
    if (!ended.success()) {
        wrong.push_back("the node ended with " + ended.text());
    }
}

void Soak::show_log() {
    for (const auto& line : chain_.devnet().node().log().tail(kLogLines)) {
        note(line);
    }
}

void Soak::report(const std::vector<Trend>& trends, const std::vector<std::string>& wrong) {
    const auto manual = static_cast<double>(load_->completed());
    Line line("soak");
    line.add("flat", wrong.empty() ? 1 : 0)
        .add("seconds", samples_.back().at_s)
        .add("manual_events", manual)
        .add("manual_per_s_over_24_h", manual / kSecondsOfADay, 1)
        .add("chain_events", static_cast<double>(fired_))
        .add("services_passed", static_cast<double>(passed_))
        .add("updates", static_cast<double>(updates_));
    for (const auto& trend : trends) {
        line.add(trend.name + "_early", trend.early, 1).add(trend.name + "_late", trend.late, 1);
    }
    line.add("wrong", wrong).print();
}

}  // namespace

void soak(const Settings& settings) {
    // Each quarter has its samples.
    Soak soak(settings, number_from("WAVS_SOAK_SECONDS", 1200, 60),
              number_from("WAVS_SOAK_RATE", 720, 1), number_from("WAVS_SOAK_CHAIN_RATE", 10, 1));
    if (const auto wrong = soak.run(); !wrong.empty()) {
        soak.show_log();
        throw std::runtime_error(wrong.front());
    }
}

}  // namespace wavs::bench
