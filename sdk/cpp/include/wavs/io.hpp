// SPDX-License-Identifier: Apache-2.0
#pragma once

// wasi:io streams that wait for what they need.

#include <algorithm>

#include "wavs/base.hpp"

namespace wavs::io {

/// Waits until the host says go on.
inline void wait(wasi_io_poll_own_pollable_t pollable) {
    wasi_io_poll_method_pollable_block(wasi_io_poll_borrow_pollable(pollable));
    wasi_io_poll_pollable_drop_own(pollable);
}

/// A stream's error as text; true in `closed` when it simply ended.
inline std::string describe(const wasi_io_streams_stream_error_t& error, bool& closed) {
    closed = error.tag == WASI_IO_STREAMS_STREAM_ERROR_CLOSED;
    if (closed) {
        return "the stream is closed";
    }
    wavs_string_t text;
    wasi_io_error_method_error_to_debug_string(
        wasi_io_error_borrow_error(error.val.last_operation_failed), &text);
    return std::string(raw::view(text));
}

/// The next bytes, at most `most`; empty at the end of the stream.
inline Result<Bytes> read_some(wasi_io_streams_own_input_stream_t stream, std::size_t most) {
    wavs_list_u8_t bytes;
    wasi_io_streams_stream_error_t error;
    if (!wasi_io_streams_method_input_stream_blocking_read(
            wasi_io_streams_borrow_input_stream(stream), most, &bytes, &error)) {
        bool closed = false;
        auto text = describe(error, closed);
        return closed ? Result<Bytes>(Bytes()) : Error(std::move(text));
    }
    const auto view = raw::view(bytes);
    return Bytes(view.begin(), view.end());
}

/// Everything up to the end of the stream; an error beyond `most` bytes.
inline Result<Bytes> read_all(wasi_io_streams_own_input_stream_t stream, std::size_t most) {
    constexpr std::size_t kPiece = 64 * 1024;
    Bytes out;
    while (true) {
        const auto piece = read_some(stream, kPiece);
        if (!piece || piece->empty()) {
            return piece ? Result<Bytes>(std::move(out)) : Error(piece.error());
        }
        if (out.size() + piece->size() > most) {
            return Error("more than " + std::to_string(most) + " bytes");
        }
        out.insert(out.end(), piece->begin(), piece->end());
    }
}

inline Result<std::monostate> write_all(wasi_io_streams_own_output_stream_t stream,
                                        BytesView bytes) {
    // What one call takes at most.
    constexpr std::size_t kPiece = 4096;
    while (!bytes.empty()) {
        const auto piece = bytes.first(std::min(kPiece, bytes.size()));
        auto lent = raw::lend(piece);
        wasi_io_streams_stream_error_t error;
        if (!wasi_io_streams_method_output_stream_blocking_write_and_flush(
                wasi_io_streams_borrow_output_stream(stream), &lent, &error)) {
            bool closed = false;
            return Error(describe(error, closed));
        }
        bytes = bytes.subspan(piece.size());
    }
    return std::monostate();
}

}  // namespace wavs::io
