// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace wavs::types::json {
class Value;
class Writer;
}  // namespace wavs::types::json
