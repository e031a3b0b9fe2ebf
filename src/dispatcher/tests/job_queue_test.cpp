// SPDX-License-Identifier: Apache-2.0
#include "../job_queue.hpp"
#include "wavs/async/task_group.hpp"
#include "wavs/async/testing/fake_timers.hpp"
#include "wavs/async/testing/run.hpp"

#include <gmock/gmock.h>

namespace wavs::dispatcher {
namespace {

using ::testing::ElementsAre;

class JobQueueTest : public ::testing::Test {
protected:
    static JobQueue::Job job(std::uint8_t service, std::uint64_t sequence) {
        auto registered = std::make_shared<types::RegisteredService>();
        registered->id.array().fill(service);
        auto event = std::make_shared<types::EventRecord>();
        event->sequence = sequence;
        event->action.config.service_id = registered->id;
        return std::make_shared<types::EventJob>(types::EventJob{registered, event});
    }
    void open(JobQueueOptions options) {
        queue_ = std::make_unique<JobQueue>(
            context_.get_executor(), options, [this](std::uint64_t sequence) {
                loaded_.push_back(sequence);
                return base::Result<JobQueue::Job>(sequence == missing_ ? nullptr
                                                                        : job(1, sequence));
            });
    }
    std::uint64_t take() {
        auto taken = async::testing::run(context_, queue_->take());
        EXPECT_TRUE(taken.has_value());
        taken_.push_back(taken.value());
        return taken_.back()->event->sequence;
    }
    /// What a worker that waits gets; 0 while it waits.
    void wait_for_one() {
        group_.spawn("worker", take_into(got_));
        poll();
    }
    async::Task<void> take_into(std::uint64_t& into) {
        auto taken = co_await queue_->take();
        into = taken.has_value() ? taken.value()->event->sequence : UINT64_MAX;
    }
    void poll() {
        context_.restart();
        context_.poll();
    }

    boost::asio::io_context context_;
    async::TaskGroup group_{context_.get_executor(), "test"};
    std::unique_ptr<JobQueue> queue_;
    std::vector<JobQueue::Job> taken_;
    std::vector<std::uint64_t> loaded_;
    std::uint64_t missing_ = 0;
    std::uint64_t got_ = 0;
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
        order.push_back(take());
    }
    EXPECT_THAT(order, ElementsAre(1, 20, 30, 2, 3, 4));
    EXPECT_EQ(queue_->waiting(), 0U);
}

TEST_F(JobQueueTest, a_service_that_uses_its_share_leaves_the_rest_to_the_others) {
    open({.running = 10, .running_per_service = 2});
    for (std::uint64_t i = 1; i <= 5; ++i) {
        queue_->push(job(1, i));
    }
    EXPECT_EQ(take(), 1U);
    EXPECT_EQ(take(), 2U);
    wait_for_one();
    EXPECT_EQ(got_, 0U);
    queue_->push(job(2, 20));
    poll();
    EXPECT_EQ(got_, 20U);
    queue_->done(taken_[0]->service->id);
    EXPECT_EQ(take(), 3U);
}

TEST_F(JobQueueTest, no_more_are_out_than_may_run) {
    open({.running = 2, .running_per_service = 2});
    for (std::uint8_t service = 1; service <= 3; ++service) {
        queue_->push(job(service, service));
    }
    take();
    take();
    wait_for_one();
    EXPECT_EQ(got_, 0U);
    queue_->done(taken_[1]->service->id);
    poll();
    EXPECT_EQ(got_, 3U);
}

TEST_F(JobQueueTest, what_does_not_fit_in_memory_is_read_back_in_order) {
    open({.in_memory = 2});
    for (std::uint64_t i = 1; i <= 5; ++i) {
        queue_->push(job(1, i));
    }
    std::vector<std::uint64_t> order;
    for (int i = 0; i < 5; ++i) {
        order.push_back(take());
    }
    EXPECT_THAT(order, ElementsAre(1, 2, 3, 4, 5));
    EXPECT_THAT(loaded_, ElementsAre(3, 4, 5));
}

TEST_F(JobQueueTest, an_event_that_is_gone_is_passed_over) {
    open({});
    missing_ = 7;
    queue_->push(job(1, 1)->service->id, 7);
    queue_->push(job(1, 1)->service->id, 8);
    EXPECT_EQ(take(), 8U);
}

TEST_F(JobQueueTest, closing_ends_those_who_wait) {
    open({});
    wait_for_one();
    queue_->close();
    poll();
    EXPECT_EQ(got_, UINT64_MAX);
}

}  // namespace
}  // namespace wavs::dispatcher
