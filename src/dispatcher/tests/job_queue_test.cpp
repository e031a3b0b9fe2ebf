// SPDX-License-Identifier: Apache-2.0
#include "../job_queue.hpp"

#include <gmock/gmock.h>

namespace wavs::dispatcher {
namespace {

using ::testing::ElementsAre;

class JobQueueTest : public ::testing::Test {
protected:
    static types::ServiceId service_id(std::uint8_t service) {
        types::ServiceId id;
        id.array().fill(service);
        return id;
    }
    static types::WorkflowId workflow_id(std::string_view name) {
        return types::WorkflowId::parse(name).value();
    }
    static JobQueue::Job job(std::uint8_t service, std::uint64_t sequence,
                             std::string_view workflow = "default") {
        auto registered = std::make_shared<types::RegisteredService>();
        registered->id = service_id(service);
        auto event = std::make_shared<types::EventRecord>();
        event->sequence = sequence;
        event->action.config.service_id = registered->id;
        event->action.config.workflow_id = workflow_id(workflow);
        return std::make_shared<types::EventJob>(types::EventJob{registered, event});
    }
    void open(JobQueueOptions options) {
        queue_ = std::make_unique<JobQueue>(options, [this](std::uint64_t sequence) {
            loaded_.push_back(sequence);
            return base::Result<JobQueue::Job>(
                sequence == missing_ ? nullptr : job(1, sequence, in_journal_));
        });
    }
    /// Its sequence; 0 when none may run.
    std::uint64_t pick() {
        auto picked = queue_->pick();
        if (!picked) {
            return 0;
        }
        picked_.push_back(std::move(picked));
        return picked_.back()->event->sequence;
    }

    /// Service 1, workflow "ordered".
    void open_ordered(JobQueueOptions options = {}) {
        options.ordered = {{service_id(1), workflow_id("ordered")}};
        open(std::move(options));
    }
    /// Of the event picked at that place.
    void ran(std::size_t place) { queue_->ran(picked_.at(place)->service->id); }
    void stored(std::size_t place) { queue_->stored(picked_.at(place)->event->action.config); }

    std::unique_ptr<JobQueue> queue_;
    std::string in_journal_ = "default";
    std::vector<JobQueue::Job> picked_;
    std::vector<std::uint64_t> loaded_;
    std::uint64_t missing_ = 0;
};

TEST_F(JobQueueTest, services_take_turns_and_keep_their_order) {
    open({});
    for (std::uint64_t i = 1; i <= 4; ++i) {
        queue_->push(job(1, i));
    }
    queue_->push(job(2, 20));
    queue_->push(job(3, 30));
    std::vector<std::uint64_t> order;
    for (int i = 0; i < 6; ++i) {
        order.push_back(pick());
    }
    EXPECT_THAT(order, ElementsAre(1, 20, 30, 2, 3, 4));
    EXPECT_EQ(queue_->waiting(), 0U);
}

TEST_F(JobQueueTest, a_service_that_uses_its_share_leaves_the_rest_to_the_others) {
    open({.running = 10, .running_per_service = 2});
    for (std::uint64_t i = 1; i <= 5; ++i) {
        queue_->push(job(1, i));
    }
    EXPECT_EQ(pick(), 1U);
    EXPECT_EQ(pick(), 2U);
    EXPECT_EQ(pick(), 0U);
    queue_->push(job(2, 20));
    EXPECT_EQ(pick(), 20U);
    queue_->ran(picked_[0]->service->id);
    EXPECT_EQ(pick(), 3U);
}

TEST_F(JobQueueTest, no_more_run_than_may) {
    open({.running = 2, .running_per_service = 2});
    for (std::uint8_t service = 1; service <= 3; ++service) {
        queue_->push(job(service, service));
    }
    EXPECT_EQ(pick(), 1U);
    EXPECT_EQ(pick(), 2U);
    EXPECT_EQ(pick(), 0U);
    queue_->ran(picked_[1]->service->id);
    EXPECT_EQ(pick(), 3U);
}

TEST_F(JobQueueTest, a_slow_disk_holds_the_runs_back) {
    open({.running = 2, .running_per_service = 2, .picked = 3});
    for (std::uint64_t i = 1; i <= 5; ++i) {
        queue_->push(job(1, i));
    }
    for (std::uint64_t i = 1; i <= 3; ++i) {
        EXPECT_EQ(pick(), i);
        queue_->ran(picked_.back()->service->id);
    }
    EXPECT_EQ(queue_->picked(), 3U);
    EXPECT_EQ(pick(), 0U);
    stored(0);
    EXPECT_EQ(pick(), 4U);
}

TEST_F(JobQueueTest, what_does_not_fit_in_memory_is_read_back_in_order) {
    open({.in_memory = 2});
    for (std::uint64_t i = 1; i <= 5; ++i) {
        queue_->push(job(1, i));
    }
    std::vector<std::uint64_t> order;
    for (int i = 0; i < 5; ++i) {
        order.push_back(pick());
    }
    EXPECT_THAT(order, ElementsAre(1, 2, 3, 4, 5));
    EXPECT_THAT(loaded_, ElementsAre(3, 4, 5));
}

TEST_F(JobQueueTest, an_event_that_is_gone_is_passed_over) {
    open({});
    missing_ = 7;
    queue_->push(job(1, 1)->service->id, 7);
    queue_->push(job(1, 1)->service->id, 8);
    EXPECT_EQ(pick(), 8U);
}

TEST_F(JobQueueTest, the_next_event_of_an_ordered_workflow_waits_until_the_one_before_is_stored) {
    open_ordered();
    queue_->push(job(1, 1, "ordered"));
    queue_->push(job(1, 2, "ordered"));
    queue_->push(job(1, 3, "ordered"));
    EXPECT_EQ(pick(), 1U);
    EXPECT_EQ(pick(), 0U);
    ran(0);
    EXPECT_EQ(pick(), 0U) << "its result is not stored yet";
    stored(0);
    EXPECT_EQ(pick(), 2U);
    EXPECT_EQ(pick(), 0U);
    EXPECT_EQ(queue_->waiting(service_id(1)), 1U);
    ran(1);
    stored(1);
    EXPECT_EQ(pick(), 3U);
}

TEST_F(JobQueueTest, other_workflows_overtake_an_ordered_one) {
    open_ordered();
    queue_->push(job(1, 1, "ordered"));
    queue_->push(job(1, 2, "ordered"));
    queue_->push(job(1, 3));
    queue_->push(job(1, 4));
    queue_->push(job(2, 5, "ordered"));
    queue_->push(job(2, 6, "ordered"));
    std::vector<std::uint64_t> order;
    while (const auto sequence = pick()) {
        order.push_back(sequence);
    }
    EXPECT_THAT(order, ElementsAre(1, 3, 5, 4, 6)) << "in service 2 nothing is ordered";
}

TEST_F(JobQueueTest, ordered_and_other_events_of_a_service_share_its_places) {
    open_ordered({.running = 10, .running_per_service = 1});
    queue_->push(job(1, 1, "ordered"));
    queue_->push(job(1, 2));
    EXPECT_EQ(pick(), 1U);
    EXPECT_EQ(pick(), 0U);
    ran(0);
    EXPECT_EQ(pick(), 2U);
    stored(0);
    queue_->push(job(1, 3, "ordered"));
    EXPECT_EQ(pick(), 0U);
    ran(1);
    EXPECT_EQ(pick(), 3U);
}

TEST_F(JobQueueTest, what_is_in_the_journal_only_keeps_the_order_too) {
    open_ordered();
    in_journal_ = "ordered";
    queue_->push(service_id(1), 7);
    queue_->push(service_id(1), 8);
    EXPECT_EQ(pick(), 7U);
    EXPECT_EQ(pick(), 0U);
    missing_ = 8;
    queue_->push(job(1, 9, "ordered"));
    ran(0);
    stored(0);
    EXPECT_EQ(pick(), 9U) << "8 is gone, and the next one may run";
}

TEST_F(JobQueueTest, a_closed_queue_gives_nothing) {
    open({});
    queue_->push(job(1, 1));
    queue_->close();
    EXPECT_EQ(pick(), 0U);
    EXPECT_EQ(queue_->waiting(), 1U);
}

}  // namespace
}  // namespace wavs::dispatcher
