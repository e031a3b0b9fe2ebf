// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/p2p/network.hpp"
#include "wavs/types/pipeline.hpp"

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace wavs::aggregator {

/// Whether a peer's submission is what it claims to be, as far as that needs neither chain nor disk
/// (docs/protocol/07-peers.md 6). The checks go from cheap to dear: what does not fit costs a peer
/// its score before it costs this node a signature check. Whether the signer counts is asked
/// afterwards. Pure; any thread.

/// The revisions of a service a submission may belong to: operators do not change over at the same
/// moment.
struct Revisions {
    types::RegisteredServicePtr current;
    /// Null when there was none since the start.
    types::RegisteredServicePtr previous;
};

struct Admitted {
    types::Submission submission;
    types::Bytes32 digest;
    types::EvmAddress signer;
};

struct Refusal {
    /// Reject only what no honest operator sends; Ignore what another revision or chain state may
    /// explain.
    p2p::Verdict verdict = p2p::Verdict::Ignore;
    /// One word for the metric.
    std::string_view reason;
    std::string text;
};

using Admission = std::variant<Admitted, Refusal>;

/// `about` is the service of the topic, or the one a peer was asked about.
Admission admit(std::string_view json, const types::ServiceId& about, const Revisions& revisions);
Admission admit(types::Submission submission, const types::ServiceId& about,
                const Revisions& revisions);

/// Behind so many that cannot be read an answer is not read on: no honest peer has one, and saying
/// where each is wrong takes its time.
inline constexpr std::size_t kMostMalformed = 16;

/// What a peer answered to the question what was missed.
struct CatchupContent {
    /// Oldest first, as the events came.
    std::vector<types::Submission> submissions;
    /// How many could not be read.
    std::size_t malformed = 0;
};
/// An error when it is no list at all.
base::Result<CatchupContent> read_catchup_answer(std::string_view json);

}  // namespace wavs::aggregator
