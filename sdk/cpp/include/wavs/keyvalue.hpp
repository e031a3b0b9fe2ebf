// SPDX-License-Identifier: Apache-2.0
#pragma once

// wasi:keyvalue with errors as text.

#include <utility>

#include "wavs/base.hpp"

namespace wavs::keyvalue {

using Entry = std::pair<std::string, Bytes>;

struct Page {
    std::vector<std::string> keys;
    std::optional<std::string> cursor;
};

inline std::string describe(const wasi_keyvalue_store_error_t& error) {
    switch (error.tag) {
        case WASI_KEYVALUE_STORE_ERROR_NO_SUCH_STORE:
            return "no such store";
        case WASI_KEYVALUE_STORE_ERROR_ACCESS_DENIED:
            return "access denied";
        default:
            return std::string(raw::view(error.val.other));
    }
}

inline std::optional<Bytes> value_of(const wavs_option_list_u8_t& value) {
    if (!value.is_some) {
        return std::nullopt;
    }
    const auto bytes = raw::view(value.val);
    return Bytes(bytes.begin(), bytes.end());
}

/// The handles lent to list functions.
class Keys {
public:
    explicit Keys(const std::vector<std::string>& keys) {
        for (const auto& key : keys) {
            lent_.push_back(raw::lend(key));
        }
    }
    wavs_list_string_t list() { return {lent_.data(), lent_.size()}; }

private:
    std::vector<wavs_string_t> lent_;
};

/// A compare-and-swap on one key.
class Cas {
public:
    explicit Cas(wasi_keyvalue_atomics_own_cas_t handle) : handle_(handle) {}

    Result<std::optional<Bytes>> current() const {
        wavs_option_list_u8_t value;
        wasi_keyvalue_store_error_t error;
        if (!wasi_keyvalue_atomics_method_cas_current(wasi_keyvalue_atomics_borrow_cas(handle_),
                                                      &value, &error)) {
            return Error(describe(error));
        }
        return value_of(value);
    }

    /// True: stored. False: the value had changed, and this is a fresh handle to try again.
    Result<bool> swap(BytesView value) {
        auto lent = raw::lend(value);
        wasi_keyvalue_atomics_cas_error_t error;
        if (wasi_keyvalue_atomics_swap(handle_, &lent, &error)) {
            return true;
        }
        if (error.tag == WASI_KEYVALUE_ATOMICS_CAS_ERROR_STORE_ERROR) {
            return Error(describe(error.val.store_error));
        }
        handle_ = error.val.cas_failed;
        return false;
    }

private:
    wasi_keyvalue_atomics_own_cas_t handle_;
};

class Bucket {
public:
    static Result<Bucket> open(std::string_view name) {
        auto lent = raw::lend(name);
        wasi_keyvalue_store_own_bucket_t handle;
        wasi_keyvalue_store_error_t error;
        if (!wasi_keyvalue_store_open(&lent, &handle, &error)) {
            return Error(describe(error));
        }
        return Bucket(handle);
    }

    Result<std::optional<Bytes>> get(std::string_view key) const {
        auto lent = raw::lend(key);
        wavs_option_list_u8_t value;
        wasi_keyvalue_store_error_t error;
        if (!wasi_keyvalue_store_method_bucket_get(borrow(), &lent, &value, &error)) {
            return Error(describe(error));
        }
        return value_of(value);
    }

    Result<void> set(std::string_view key, BytesView value) const {
        auto lent_key = raw::lend(key);
        auto lent_value = raw::lend(value);
        wasi_keyvalue_store_error_t error;
        if (!wasi_keyvalue_store_method_bucket_set(borrow(), &lent_key, &lent_value, &error)) {
            return Error(describe(error));
        }
        return {};
    }

    Result<void> remove(std::string_view key) const {
        auto lent = raw::lend(key);
        wasi_keyvalue_store_error_t error;
        if (!wasi_keyvalue_store_method_bucket_delete(borrow(), &lent, &error)) {
            return Error(describe(error));
        }
        return {};
    }

    Result<bool> exists(std::string_view key) const {
        auto lent = raw::lend(key);
        bool found = false;
        wasi_keyvalue_store_error_t error;
        if (!wasi_keyvalue_store_method_bucket_exists(borrow(), &lent, &found, &error)) {
            return Error(describe(error));
        }
        return found;
    }

    Result<Page> list(const std::optional<std::string>& cursor) const {
        auto lent = raw::lend(cursor ? std::string_view(*cursor) : std::string_view());
        wasi_keyvalue_store_key_response_t page;
        wasi_keyvalue_store_error_t error;
        if (!wasi_keyvalue_store_method_bucket_list_keys(borrow(), cursor ? &lent : nullptr, &page,
                                                         &error)) {
            return Error(describe(error));
        }
        Page result;
        for (std::size_t i = 0; i < page.keys.len; ++i) {
            result.keys.emplace_back(raw::view(page.keys.ptr[i]));
        }
        if (page.cursor.is_some) {
            result.cursor.emplace(raw::view(page.cursor.val));
        }
        return result;
    }

    Result<std::int64_t> increment(std::string_view key, std::int64_t delta) const {
        auto lent = raw::lend(key);
        std::int64_t value = 0;
        wasi_keyvalue_store_error_t error;
        if (!wasi_keyvalue_atomics_increment(borrow(), &lent, delta, &value, &error)) {
            return Error(describe(error));
        }
        return value;
    }

    Result<Cas> cas(std::string_view key) const {
        auto lent = raw::lend(key);
        wasi_keyvalue_atomics_own_cas_t handle;
        wasi_keyvalue_store_error_t error;
        if (!wasi_keyvalue_atomics_static_cas_new(borrow(), &lent, &handle, &error)) {
            return Error(describe(error));
        }
        return Cas(handle);
    }

    /// As long as `keys` and in its order.
    Result<std::vector<std::optional<Entry>>> get_many(const std::vector<std::string>& keys) const {
        Keys lent(keys);
        auto list = lent.list();
        wavs_list_option_tuple2_string_list_u8_t found;
        wasi_keyvalue_store_error_t error;
        if (!wasi_keyvalue_batch_get_many(borrow(), &list, &found, &error)) {
            return Error(describe(error));
        }
        std::vector<std::optional<Entry>> entries(found.len);
        for (std::size_t i = 0; i < found.len; ++i) {
            if (found.ptr[i].is_some) {
                const auto bytes = raw::view(found.ptr[i].val.f1);
                entries[i].emplace(raw::view(found.ptr[i].val.f0),
                                   Bytes(bytes.begin(), bytes.end()));
            }
        }
        return entries;
    }

    Result<void> set_many(const std::vector<Entry>& entries) const {
        std::vector<wavs_tuple2_string_list_u8_t> lent;
        for (const auto& [key, value] : entries) {
            lent.push_back({raw::lend(key), raw::lend(value)});
        }
        wavs_list_tuple2_string_list_u8_t list{lent.data(), lent.size()};
        wasi_keyvalue_store_error_t error;
        if (!wasi_keyvalue_batch_set_many(borrow(), &list, &error)) {
            return Error(describe(error));
        }
        return {};
    }

    Result<void> remove_many(const std::vector<std::string>& keys) const {
        Keys lent(keys);
        auto list = lent.list();
        wasi_keyvalue_store_error_t error;
        if (!wasi_keyvalue_batch_delete_many(borrow(), &list, &error)) {
            return Error(describe(error));
        }
        return {};
    }

private:
    explicit Bucket(wasi_keyvalue_store_own_bucket_t handle) : handle_(handle) {}
    wasi_keyvalue_store_borrow_bucket_t borrow() const {
        return wasi_keyvalue_store_borrow_bucket(handle_);
    }

    wasi_keyvalue_store_own_bucket_t handle_;
};

}  // namespace wavs::keyvalue
