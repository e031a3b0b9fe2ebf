// SPDX-License-Identifier: Apache-2.0
// Every operation of the key-value store, asked for in JSON. Requests and responses have one member
// named after the operation; bytes are arrays of numbers.

#include "wavs/json.hpp"
#include "wavs/keyvalue.hpp"
#include "wavs/operator.hpp"

namespace {

using wavs::Bytes;
using wavs::Error;
using wavs::Result;
using wavs::json::Value;
using wavs::keyvalue::Bucket;
using Answer = Result<std::string>;

/// A request's members, with an error that names what is missing.
class Arguments {
public:
    explicit Arguments(const Value& value) : value_(value) {}

    Result<std::string> text(std::string_view name) const {
        const auto* found = value_.find(name);
        if (found == nullptr || found->kind != Value::Kind::String) {
            return missing(name);
        }
        return found->text;
    }

    Result<Bytes> bytes(std::string_view name) const {
        const auto* found = value_.find(name);
        auto bytes = found == nullptr ? std::nullopt : to_bytes(*found);
        if (!bytes) {
            return missing(name);
        }
        return *std::move(bytes);
    }

    Result<std::int64_t> number(std::string_view name) const {
        const auto* found = value_.find(name);
        if (found == nullptr || found->kind != Value::Kind::Number) {
            return missing(name);
        }
        const bool negative = found->text.starts_with('-');
        const auto value = wavs::parse_u64(std::string_view(found->text).substr(negative ? 1 : 0));
        if (!value || *value > INT64_MAX) {
            return missing(name);
        }
        return negative ? -static_cast<std::int64_t>(*value) : static_cast<std::int64_t>(*value);
    }

    Result<std::vector<std::string>> texts(std::string_view name) const {
        const auto* found = value_.find(name);
        if (found == nullptr) {
            return missing(name);
        }
        std::vector<std::string> list;
        for (const auto& item : found->items) {
            list.push_back(item.text);
        }
        return list;
    }

    Result<std::vector<wavs::keyvalue::Entry>> entries(std::string_view name) const {
        const auto* found = value_.find(name);
        if (found == nullptr) {
            return missing(name);
        }
        std::vector<wavs::keyvalue::Entry> list;
        for (const auto& [key, item] : found->members) {
            auto bytes = to_bytes(item);
            if (!bytes) {
                return missing(name);
            }
            list.emplace_back(key, *std::move(bytes));
        }
        return list;
    }

    std::optional<std::string> optional_text(std::string_view name) const {
        const auto* found = value_.find(name);
        return found == nullptr || found->kind != Value::Kind::String ? std::nullopt
                                                                      : std::optional(found->text);
    }

private:
    static Error missing(std::string_view name) {
        return Error("bad or missing " + std::string(name));
    }

    static std::optional<Bytes> to_bytes(const Value& value) {
        if (value.kind != Value::Kind::Array) {
            return std::nullopt;
        }
        Bytes bytes;
        for (const auto& item : value.items) {
            const auto byte = wavs::parse_u64(item.text);
            if (!byte || *byte > 255) {
                return std::nullopt;
            }
            bytes.push_back(static_cast<std::uint8_t>(*byte));
        }
        return bytes;
    }

    const Value& value_;
};

std::string to_json(const Bytes& bytes) {
    std::string out = "[";
    for (const auto byte : bytes) {
        out += (out.size() > 1 ? "," : "") + std::to_string(byte);
    }
    return out + "]";
}

/// A bucket and a key, which most requests name.
struct Place {
    std::string bucket_name;
    Bucket bucket;
    std::string key;
};

Result<Bucket> bucket_of(const Arguments& arguments) {
    return arguments.text("bucket").and_then(
        [](const std::string& name) { return Bucket::open(name); });
}

Result<Place> place_of(const Arguments& arguments) {
    auto bucket = bucket_of(arguments);
    if (!bucket) {
        return Error(bucket.error());
    }
    auto key = arguments.text("key");
    if (!key) {
        return Error(key.error());
    }
    return Place{*arguments.text("bucket"), *bucket, *std::move(key)};
}

Answer value_answer(std::string_view operation, const Place& place,
                    const std::optional<Bytes>& value) {
    if (!value) {
        return Error("Missing key: " + place.key + " for bucket " + place.bucket_name);
    }
    return "{\"" + std::string(operation) + "\":{\"value\":" + to_json(*value) + "}}";
}

Answer write(const Arguments& arguments) {
    const auto place = place_of(arguments);
    const auto value = arguments.bytes("value");
    if (!place || !value) {
        return Error(place ? value.error() : place.error());
    }
    return place->bucket.set(place->key, *value).transform([] { return std::string("\"write\""); });
}

Answer read(const Arguments& arguments) {
    return place_of(arguments).and_then([](const Place& place) {
        return place.bucket.get(place.key).and_then(
            [&](const std::optional<Bytes>& value) { return value_answer("read", place, value); });
    });
}

Answer atomic_increment(const Arguments& arguments) {
    const auto place = place_of(arguments);
    const auto delta = arguments.number("delta");
    if (!place || !delta) {
        return Error(place ? delta.error() : place.error());
    }
    return place->bucket.increment(place->key, *delta).transform([](std::int64_t value) {
        return "{\"atomic_increment\":{\"value\":" + std::to_string(value) + "}}";
    });
}

/// Tries again while somebody else is faster.
Answer atomic_swap(const Arguments& arguments) {
    const auto place = place_of(arguments);
    const auto value = arguments.bytes("value");
    if (!place || !value) {
        return Error(place ? value.error() : place.error());
    }
    auto cas = place->bucket.cas(place->key);
    if (!cas) {
        return Error(cas.error());
    }
    Result<bool> stored = false;
    do {
        stored = cas->swap(*value);
    } while (stored && !*stored);
    return stored.transform([](bool) { return std::string("\"atomic_swap\""); });
}

Answer atomic_read(const Arguments& arguments) {
    const auto place = place_of(arguments);
    if (!place) {
        return Error(place.error());
    }
    const auto cas = place->bucket.cas(place->key);
    if (!cas) {
        return Error(cas.error());
    }
    return cas->current().and_then([&](const std::optional<Bytes>& value) {
        return value_answer("atomic_read", *place, value);
    });
}

Answer batch_read(const Arguments& arguments) {
    const auto bucket = bucket_of(arguments);
    const auto keys = arguments.texts("keys");
    if (!bucket || !keys) {
        return Error(bucket ? keys.error() : bucket.error());
    }
    return bucket->get_many(*keys).transform([](const auto& entries) {
        std::string members;
        for (const auto& entry : entries) {
            if (entry) {
                members += (members.empty() ? "" : ",") + wavs::json::quote(entry->first) + ":" +
                           to_json(entry->second);
            }
        }
        return "{\"batch_read\":{\"values\":{" + members + "}}}";
    });
}

Answer batch_write(const Arguments& arguments) {
    const auto bucket = bucket_of(arguments);
    const auto values = arguments.entries("values");
    if (!bucket || !values) {
        return Error(bucket ? values.error() : bucket.error());
    }
    return bucket->set_many(*values).transform([] { return std::string("\"batch_write\""); });
}

Answer batch_delete(const Arguments& arguments) {
    const auto bucket = bucket_of(arguments);
    const auto keys = arguments.texts("keys");
    if (!bucket || !keys) {
        return Error(bucket ? keys.error() : bucket.error());
    }
    return bucket->remove_many(*keys).transform([] { return std::string("\"batch_delete\""); });
}

Answer list_keys(const Arguments& arguments) {
    const auto bucket = bucket_of(arguments);
    if (!bucket) {
        return Error(bucket.error());
    }
    return bucket->list(arguments.optional_text("cursor"))
        .transform([](const wavs::keyvalue::Page& page) {
            std::string keys;
            for (const auto& key : page.keys) {
                keys += (keys.empty() ? "" : ",") + wavs::json::quote(key);
            }
            const auto cursor = page.cursor ? wavs::json::quote(*page.cursor) : std::string("null");
            return "{\"list_keys\":{\"keys\":[" + keys + "],\"cursor\":" + cursor + "}}";
        });
}

struct Operation {
    std::string_view name;
    Answer (*run)(const Arguments&);
};

constexpr Operation kOperations[] = {
    {"write", write},
    {"read", read},
    {"atomic_increment", atomic_increment},
    {"atomic_swap", atomic_swap},
    {"atomic_read", atomic_read},
    {"batch_read", batch_read},
    {"batch_write", batch_write},
    {"batch_delete", batch_delete},
    {"list_keys", list_keys},
};

Answer dispatch(std::string_view text) {
    const auto request = wavs::json::parse(text);
    if (!request || request->members.size() != 1) {
        return Error("the request is not a JSON object with one operation");
    }
    const auto& [name, arguments] = request->members.front();
    for (const auto& operation : kOperations) {
        if (operation.name == name) {
            return operation.run(Arguments(arguments));
        }
    }
    return Error("unknown operation " + name);
}

}  // namespace

wavs::Result<std::vector<wavs::Response>> wavs::on_trigger(const TriggerAction& action) {
    const auto request = decode_request(action);
    if (!request) {
        return Error(request.error());
    }
    const auto answer = dispatch(text_of(request->data));
    if (!answer) {
        return Error(answer.error());
    }
    return std::vector{Response{.payload = encode_payload(request->trigger_id, bytes_of(*answer))}};
}
