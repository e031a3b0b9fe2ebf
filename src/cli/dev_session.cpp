// SPDX-License-Identifier: Apache-2.0
#include "dev_session.hpp"

#include "wavs/base/hex.hpp"
#include "wavs/cli/embedded.hpp"
#include "wavs/types/json.hpp"

#include <algorithm>

namespace wavs::cli {
namespace {

constexpr std::string_view kOperatorComponent = "echo";
constexpr std::string_view kAggregatorComponent = "simple_aggregator";
constexpr std::size_t kShownLogLines = 20;
constexpr std::uint64_t kWeight = 10'000;

std::string block_text(const char* what, std::uint64_t block) {
    return fmt::format("{} {}", what, block);
}

}  // namespace

std::string readable(std::string_view bytes) {
    const bool printable = std::all_of(bytes.begin(), bytes.end(), [](char c) {
        return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
    });
    return printable ? fmt::format("\"{}\"", bytes) : base::hex0x(base::as_bytes(bytes));
}

DevSession::DevSession(DevOptions options, DevnetOptions devnet, Tools tools, Terminal& terminal)
    : options_(std::move(options)),
      tools_(tools),
      terminal_(terminal),
      devnet_(std::move(devnet), tools),
      began_(tools.clock.steady_now()),
      step_began_(began_) {}

void DevSession::step_done(std::string_view text) {
    const auto now = tools_.clock.steady_now();
    terminal_.step(text, duration_text(now - step_began_));
    step_began_ = now;
}

void DevSession::show_log() {
    for (unsigned i = 0; i < options_.operators && devnet_.has_node(i); ++i) {
        const auto& log = devnet_.node(i).log();
        terminal_.quote(fmt::format("the last lines of {}:", log.path().string()));
        for (const auto& line : log.tail(kShownLogLines)) {
            terminal_.quote(line);
        }
    }
}

async::Task<base::Result<void>> DevSession::bring_up() {
    // Before anything is started: without them no event could run.
    WAVS_CO_TRY(embedded_component(kOperatorComponent));
    WAVS_CO_TRY(embedded_component(kAggregatorComponent));
    terminal_.headline("starting a devnet");
    WAVS_CO_TRY(co_await devnet_.start_chain());
    step_done("chain evm:31337 on " + devnet_.anvil().http_url());
    WAVS_CO_TRY(contracts_, co_await devnet_.deploy_contracts());
    step_done("manager, handler and trigger contracts deployed");
    for (unsigned i = 0; i < options_.operators; ++i) {
        WAVS_CO_TRY(co_await devnet_.start_node(i));
        step_done((several() ? fmt::format("node {} on ", i) : "node on ") + devnet_.node(i).url());
    }
    WAVS_CO_TRY(co_await add_service());
    for (unsigned i = 0; i < options_.operators; ++i) {
        WAVS_CO_TRY(co_await devnet_.wait_subscribed(contracts_.trigger, i));
    }
    step_done(several() ? "nodes listen to the trigger contract"
                        : "node listens to the trigger contract");
    if (several()) {
        WAVS_CO_TRY(co_await join_peers());
    }
    WAVS_CO_TRY(co_await devnet_.anvil().mine_every(options_.block_time));
    ready_ = true;
    terminal_.progress(
        fmt::format("ready after {}", duration_text(tools_.clock.steady_now() - began_)));
    co_return base::ok();
}

async::Task<base::Result<void>> DevSession::add_service() {
    DemoService demo;
    demo.chain = Devnet::chain();
    demo.manager = contracts_.manager;
    demo.trigger = contracts_.trigger;
    demo.handler = contracts_.handler;
    WAVS_CO_TRY(demo.operator_component, co_await upload(kOperatorComponent));
    WAVS_CO_TRY(demo.aggregator_component, co_await upload(kAggregatorComponent));
    step_done(
        fmt::format("components {} and {} uploaded", kOperatorComponent, kAggregatorComponent));
    service_ = make_manifest(demo);
    WAVS_CO_TRY(co_await devnet_.publish(service_));
    step_done("manifest published, service URI set on the manager");
    for (unsigned i = 0; i < options_.operators; ++i) {
        WAVS_CO_TRY(co_await devnet_.register_service(service_, i));
    }
    step_done("service " + types::to_string(service_.id()).substr(0, 16) + "... registered");
    co_return co_await register_operators();
}

async::Task<base::Result<types::ComponentDigest>> DevSession::upload(std::string_view component) {
    WAVS_CO_TRY(const auto bytes, embedded_component(component));
    types::ComponentDigest digest;
    for (unsigned i = 0; i < options_.operators; ++i) {
        auto copy = base::to_bytes(bytes);
        WAVS_CO_TRY(digest, co_await devnet_.upload_component(std::move(copy), i));
    }
    co_return digest;
}

async::Task<base::Result<void>> DevSession::register_operators() {
    for (unsigned i = 0; i < options_.operators; ++i) {
        WAVS_CO_TRY(const auto signer,
                    co_await devnet_.register_operator(contracts_.manager, kWeight, i));
        WAVS_CO_TRY(const auto sender, node_wallet_address(i));
        who_.add(signer.address, sender);
        step_done((several() ? fmt::format("operator {} registered, signs as ", i)
                             : "operator registered, signs as ") +
                  types::to_checksum_string(signer.address).substr(0, 10) + "...");
    }
    co_return base::ok();
}

async::Task<base::Result<void>> DevSession::join_peers() {
    const auto others = options_.operators - 1;
    for (unsigned i = 0; i < options_.operators; ++i) {
        WAVS_CO_TRY(co_await devnet_.wait_peers(others, i, service_.id()));
    }
    step_done(fmt::format("each node has its {} peer{}", others, others == 1 ? "" : "s"));
    terminal_.progress(fmt::format("quorum: {} of {} operators (two thirds, rounded up)",
                                   quorum_of(options_.operators), options_.operators));
    co_return base::ok();
}

async::Task<base::Result<Delivery>> DevSession::delivery(const HandledEvent& result,
                                                         std::uint64_t from_block) {
    WAVS_CO_TRY(const auto sent,
                co_await devnet_.result_transactions(contracts_.handler, from_block));
    co_return delivery_of(result, sent);
}

async::Task<base::Result<void>> DevSession::node_stages(Timeline& timeline) {
    WAVS_CO_TRY(const auto text, co_await devnet_.node().client().events(1));
    for (auto& stage : read_node_stages(text.value_or(""))) {
        timeline.add(std::move(stage));
    }
    co_return base::ok();
}

async::Task<base::Result<void>> DevSession::fire_once() {
    Timeline timeline;
    const auto now = [this] { return tools_.clock.wall_now(); };
    timeline.add({"trigger sent", now(), readable(options_.input)});
    auto input = base::to_bytes(std::string_view(options_.input));
    WAVS_CO_TRY(const auto event, co_await devnet_.fire(contracts_.trigger, std::move(input)));
    timeline.add({"event mined", now(),
                  fmt::format("trigger {} in block {}", event.trigger_id, event.block_number)});
    WAVS_CO_TRY(const auto result, co_await devnet_.wait_handled(contracts_.handler, event));
    const auto mined_at = now();
    WAVS_CO_TRY(const auto data,
                co_await devnet_.read_result(contracts_.handler, event.trigger_id));
    timeline.add({"result transaction seen", result.sent_at,
                  "0x" + base::hex(result.tx_hash.view()).substr(0, 16) + "..."});
    timeline.add({"result mined", mined_at, block_text("block", result.block_number)});
    timeline.add({"result read back", now(), readable(base::as_text(data))});
    static_cast<void>(co_await node_stages(timeline));
    WAVS_CO_TRY(const auto sent, co_await delivery(result, event.block_number));
    tell_result(timeline, event, result, sent, base::as_text(data));
    co_return base::ok();
}

void DevSession::tell_result(const Timeline& timeline, const FiredEvent& event,
                             const HandledEvent& result, const Delivery& sent,
                             std::string_view bytes) {
    if (!options_.json) {
        terminal_.headline("event " + types::to_string(result.event_id));
        terminal_.line(timeline.text());
        terminal_.line(fmt::format("result of trigger {}: {}", event.trigger_id, readable(bytes)));
        if (several()) {
            terminal_.line(who_.text(sent));
        }
        terminal_.line("handler: " + types::to_checksum_string(contracts_.handler));
        return;
    }
    std::string out;
    types::json::Writer json(out);
    const auto text = [&json](std::string_view key, std::string_view value) {
        json.key(key);
        json.string(value);
    };
    json.begin_object();
    text("service_id", types::to_string(service_.id()));
    text("event_id", types::to_string(result.event_id));
    json.key("trigger_id");
    json.number(event.trigger_id);
    text("manager", types::to_string(contracts_.manager));
    text("trigger", types::to_string(contracts_.trigger));
    text("handler", types::to_string(contracts_.handler));
    text("tx_hash", types::to_string(result.tx_hash));
    text("result", base::hex0x(base::as_bytes(bytes)));
    if (several()) {
        who_.write_json(json, sent);
    }
    json.key("timeline");
    json.raw(timeline.json());
    json.end_object();
    terminal_.line(out);
}

void DevSession::tell_how_to_fire() {
    const auto call = add_trigger_call(base::as_bytes(options_.input));
    terminal_.line(fmt::format("\nmanager  {}\ntrigger  {}\nhandler  {}\nservice  {}\n",
                               types::to_checksum_string(contracts_.manager),
                               types::to_checksum_string(contracts_.trigger),
                               types::to_checksum_string(contracts_.handler),
                               types::to_string(service_.id())));
    terminal_.line(fmt::format(
        "fire an event that carries {}:\n"
        "  curl -s {} -H 'content-type: application/json' -d '{{\"jsonrpc\":\"2.0\",\"id\":1,"
        "\"method\":\"eth_sendTransaction\",\"params\":[{{\"from\":\"{}\",\"to\":\"{}\","
        "\"data\":\"{}\"}}]}}'\n",
        readable(options_.input), devnet_.anvil().http_url(), types::to_string(devnet_.owner()),
        types::to_string(contracts_.trigger), base::hex0x(call)));
    for (unsigned i = 0; i < options_.operators; ++i) {
        terminal_.line((several() ? fmt::format("the log of node {}: ", i) : "the node's log: ") +
                       devnet_.node(i).log().path().string());
    }
    terminal_.line("results are shown as they come; Ctrl-C ends the devnet");
}

async::Task<base::Result<void>> DevSession::stay_up() {
    tell_how_to_fire();
    std::uint64_t next_block = 0;
    while (true) {
        if (const auto ended = devnet_.ended_process(); !ended.empty()) {
            co_return base::Error(base::ErrorKind::Unavailable, "devnet_ended",
                                  ended + " ended by itself");
        }
        WAVS_CO_TRY(const auto results, co_await devnet_.handled(contracts_.handler, next_block));
        for (const auto& result : results) {
            terminal_.line(fmt::format("block {}: result of trigger {}: {}", result.block_number,
                                       result.trigger_id, readable(base::as_text(result.data))));
            if (several()) {
                WAVS_CO_TRY(const auto sent, co_await delivery(result, result.block_number));
                terminal_.line("  " + who_.text(sent));
            }
            next_block = std::max(next_block, result.block_number + 1);
        }
        WAVS_CO_TRY(co_await tools_.timers.sleep_for(std::chrono::milliseconds(250)));
    }
}

}  // namespace wavs::cli
