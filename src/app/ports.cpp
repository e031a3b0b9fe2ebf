// SPDX-License-Identifier: Apache-2.0
#include "ports.hpp"

#include "wavs/telemetry/log.hpp"

namespace wavs::app {
namespace {

async::Task<void> remove_files(engine::Engine& engine, types::ServiceId service) {
    auto removed = co_await engine.remove_files(service);
    if (!removed.has_value()) {
        telemetry::log_failure(telemetry::Level::Warn, "app", "files of a removed service stay",
                               removed.error(), {{"service", types::to_string(service)}});
    }
}

struct Needed {
    const types::Component* component;
    engine::World world;
};

std::vector<Needed> needed_by(const types::Service& service) {
    std::vector<Needed> out;
    for (const auto& [id, workflow] : service.workflows) {
        out.push_back({&workflow.component, engine::World::Operator});
        if (const auto* aggregator = workflow.aggregator()) {
            out.push_back({&aggregator->component, engine::World::Aggregator});
        }
    }
    return out;
}

}  // namespace

async::Task<base::Result<void>> EngineBinding::prepare(types::RegisteredServicePtr service) {
    std::vector<types::ComponentDigest> ready;
    for (const auto& need : needed_by(service->service)) {
        const auto digest = types::digest_of(need.component->source);
        auto info = co_await engine_.prepare(digest, need.world);
        if (!info.has_value()) {
            for (const auto& one : ready) {
                engine_.release(one);
            }
            co_return std::move(info).error().with("component {}", types::to_string(digest));
        }
        ready.push_back(digest);
        for (const auto& permission :
             engine::ungranted_permissions(info.value(), need.component->permissions)) {
            telemetry::log_info(
                "app", "component imports what its manifest does not grant",
                {{"component", types::to_string(digest)}, {"permission", permission}});
        }
    }
    co_return base::ok();
}

void EngineBinding::release(types::RegisteredServicePtr service) {
    for (const auto& need : needed_by(service->service)) {
        engine_.release(types::digest_of(need.component->source));
    }
}

async::Flow<base::Result<std::vector<types::WasmResponse>>> EngineBinding::run(
    types::EventJob job, std::stop_token stop) {
    engine::OperatorJob operator_job;
    // Aliases share the owner: neither manifest nor event is copied per run.
    operator_job.service = {
        std::shared_ptr<const types::Service>(job.service, &job.service->service), job.service->id,
        job.service->digest};
    operator_job.action =
        std::shared_ptr<const types::TriggerAction>(job.event, &job.event->action);
    operator_job.event_id = job.event->default_event_id;
    operator_job.trace_id = job.event->trace_id;
    WAVS_CO_TRY(auto outcome,
                co_await engine_.run_operator(std::move(operator_job), std::move(stop)));
    co_return std::move(outcome.responses);
}

storage::Batch EngineBinding::forget(const types::ServiceId& service) {
    engine_.key_value().forget(service);
    background_.spawn("remove files of " + types::to_string(service),
                      remove_files(engine_, service));
    return engine::KeyValue::erase_service(service);
}

async::Task<base::Result<types::EvmAddress>> SubmissionBinding::address(std::uint32_t hd_index) {
    co_return co_await signer_.address(hd_index);
}

async::Flow<base::Result<dispatcher::SignedRun>> SubmissionBinding::sign(
    types::EventJob job, types::RegisteredServicePtr current,
    std::vector<types::WasmResponse> responses) {
    WAVS_CO_TRY(auto run,
                co_await submitter_.sign(std::move(job), std::move(current), std::move(responses)));
    dispatcher::SignedRun out;
    out.results = std::move(run.results);
    out.batch = std::move(run.batch);
    out.hold = std::make_shared<submission::SignedRun>(std::move(run));
    co_return std::move(out);
}

async::Task<std::map<types::ServiceId, base::Error>> TriggerBinding::set_services(
    std::vector<types::RegisteredServicePtr> services) {
    co_return co_await triggers_.set_services(std::move(services));
}

async::Task<void> TriggerBinding::remove_service(types::ServiceId service) {
    co_await triggers_.remove_service(service);
}

async::Task<base::Result<types::ParsedManifest>> SourcesBinding::manifest(std::string uri) {
    WAVS_CO_TRY(auto fetched, co_await sources_.fetch_manifest(std::move(uri)));
    co_return std::move(fetched.manifest);
}

async::Task<base::Result<void>> SourcesBinding::component(types::ComponentSource source) {
    co_return co_await sources_.make_available(std::move(source));
}

async::Task<base::Result<dispatcher::ServiceUri>> ManagerBinding::service_uri(
    types::ServiceManager manager) {
    co_return co_await chains_.service_uri(std::move(manager));
}

async::Task<base::Result<bool>> ManagerBinding::counts(types::ServiceManager manager,
                                                       types::EvmAddress signer) {
    WAVS_CO_TRY(const auto counts, co_await chains_.counts(std::move(manager), signer));
    // A manager that does not know keys has registered none.
    co_return counts == types::SignerCounts::Yes;
}

}  // namespace wavs::app
