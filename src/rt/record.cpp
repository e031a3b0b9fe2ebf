// SPDX-License-Identifier: Apache-2.0
#include "library.hpp"
#include "wavs/rt/flat.hpp"

namespace wavs::rt {
namespace {

base::Error not_a_record(const Library& library, const wavs_rt_error& error) {
    const auto message = take(library, error.message);
    return {base::ErrorKind::Invalid, "not_a_record", std::string(base::as_text(message)),
            "replay it with the version of the node that recorded it"};
}

RecordInfo read_info(FlatReader& from) {
    RecordInfo info;
    info.digest = from.fixed<std::tuple_size_v<Hash>>();
    info.entry = static_cast<Export>(from.u8());
    info.service_id = from.fixed<std::tuple_size_v<Hash>>();
    info.workflow_id = from.text();
    info.calls = from.u32();
    if (from.some()) {
        info.incomplete = from.text();
    }
    info.succeeded = !from.boolean();
    if (info.succeeded) {
        info.output = base::to_bytes(from.bytes());
    } else {
        (void)from.u32();  // the status, which the text says better
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
    FlatReader reader(bytes);
    auto info = read_info(reader);
    if (!reader.complete()) {
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
