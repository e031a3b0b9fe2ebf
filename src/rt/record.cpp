// SPDX-License-Identifier: Apache-2.0
#include "library.hpp"

#include <algorithm>

namespace wavs::rt {
namespace {

// Reads the flat form of a record's description. Anything that does not fit leaves it failed.
class Reader {
public:
    explicit Reader(base::ByteView bytes) : rest_(bytes) {}

    std::uint32_t number() {
        std::uint32_t value = 0;
        for (const auto byte : take(4)) {
            value = (value >> 8) | (std::uint32_t{byte} << 24);
        }
        return value;
    }
    std::uint8_t tag() {
        const auto byte = take(1);
        return byte.empty() ? std::uint8_t{0} : byte.front();
    }
    base::ByteView bytes() { return take(number()); }
    std::string text() { return std::string(base::as_text(bytes())); }
    Hash hash() {
        Hash out{};
        const auto found = bytes();
        failed_ |= found.size() != out.size();
        std::copy_n(found.begin(), std::min(found.size(), out.size()), out.begin());
        return out;
    }
    bool good() const { return !failed_ && rest_.empty(); }

private:
    base::ByteView take(std::size_t size) {
        failed_ |= size > rest_.size();
        if (failed_) {
            return {};
        }
        const auto out = rest_.first(size);
        rest_ = rest_.subspan(size);
        return out;
    }

    base::ByteView rest_;
    bool failed_ = false;
};

base::Error not_a_record(const Library& library, const wavs_rt_error& error) {
    const auto message = take(library, error.message);
    return {base::ErrorKind::Invalid, "not_a_record", std::string(base::as_text(message)),
            "replay it with the version of the node that recorded it"};
}

RecordInfo read_info(Reader& from) {
    RecordInfo info;
    info.digest = from.hash();
    info.entry = static_cast<Export>(from.tag());
    info.service_id = from.hash();
    info.workflow_id = from.text();
    info.calls = from.number();
    if (from.tag() == 1) {
        info.incomplete = from.text();
    }
    info.succeeded = from.tag() == 0;
    if (info.succeeded) {
        info.output = base::to_bytes(from.bytes());
    } else {
        (void)from.number();  // the status, which the text says better
        info.error = from.text();
    }
    return info;
}

}  // namespace

base::Result<RecordInfo> record_info(const Library& library, base::ByteView record) {
    wavs_rt_buf flat{};
    wavs_rt_error error{};
    if (library.record_info(slice_of(record), &flat, &error) != 0) {
        return not_a_record(library, error);
    }
    const auto bytes = take(library, flat);
    Reader reader(bytes);
    auto info = read_info(reader);
    if (!reader.good()) {
        return base::Error(base::ErrorKind::Bug, "rt_abi",
                           "a record's description does not decode");
    }
    return info;
}

base::Result<std::string> records_difference(const Library& library, base::ByteView a,
                                             base::ByteView b) {
    wavs_rt_buf text{};
    wavs_rt_error error{};
    if (library.records_difference(slice_of(a), slice_of(b), &text, &error) != 0) {
        return not_a_record(library, error);
    }
    return std::string(base::as_text(take(library, text)));
}

}  // namespace wavs::rt
