// SPDX-License-Identifier: Apache-2.0
#include "wavs/chain_evm/transaction.hpp"

#include "wavs/chain_evm/rlp.hpp"
#include "wavs/crypto/signature.hpp"
#include "wavs/hash/hash.hpp"

#include <algorithm>

namespace wavs::chain_evm {
namespace {

constexpr std::uint8_t kType2 = 0x02;

struct Signature {
    base::ByteView r;
    base::ByteView s;
    unsigned parity = 0;
};

base::ByteView without_leading_zeros(base::ByteView bytes) {
    const auto first = std::find_if(bytes.begin(), bytes.end(), [](auto b) { return b != 0; });
    return bytes.subspan(static_cast<std::size_t>(first - bytes.begin()));
}

void append_target(base::Bytes& out, const Transaction& tx) {
    rlp::append_number(out, tx.gas_limit);
    rlp::append_bytes(out, tx.to ? tx.to->view() : base::ByteView());
    rlp::append_number(out, tx.value);
    rlp::append_bytes(out, tx.data);
}

base::Bytes legacy_fields(const Transaction& tx, const LegacyFee& fee) {
    base::Bytes out;
    rlp::append_number(out, tx.nonce);
    rlp::append_number(out, fee.gas_price);
    append_target(out, tx);
    return out;
}

base::Bytes type2_fields(const Transaction& tx, const Eip1559Fee& fee) {
    base::Bytes out;
    rlp::append_number(out, tx.chain_id);
    rlp::append_number(out, tx.nonce);
    rlp::append_number(out, fee.max_priority_fee);
    rlp::append_number(out, fee.max_fee);
    append_target(out, tx);
    // Empty access list.
    base::append(out, rlp::list({}));
    return out;
}

base::Bytes with_type(base::ByteView list) {
    base::Bytes out{kType2};
    base::append(out, list);
    return out;
}

base::Bytes unsigned_bytes(const Transaction& tx) {
    if (const auto* fee = std::get_if<LegacyFee>(&tx.fee)) {
        auto fields = legacy_fields(tx, *fee);
        rlp::append_number(fields, tx.chain_id);
        rlp::append_number(fields, 0);
        rlp::append_number(fields, 0);
        return rlp::list(fields);
    }
    return with_type(rlp::list(type2_fields(tx, std::get<Eip1559Fee>(tx.fee))));
}

base::Bytes signed_bytes(const Transaction& tx, const Signature& signature) {
    const auto* legacy = std::get_if<LegacyFee>(&tx.fee);
    auto fields =
        legacy != nullptr ? legacy_fields(tx, *legacy) : type2_fields(tx, std::get<1>(tx.fee));
    rlp::append_number(fields, legacy != nullptr ? Wei{tx.chain_id} * 2 + 35 + signature.parity
                                                 : Wei{signature.parity});
    rlp::append_bytes(fields, without_leading_zeros(signature.r));
    rlp::append_bytes(fields, without_leading_zeros(signature.s));
    const auto list = rlp::list(fields);
    return legacy != nullptr ? list : with_type(list);
}

base::Error invalid(std::string_view what) {
    return {base::ErrorKind::Invalid, "tx_invalid",
            fmt::format("not a signed transaction: {}", what)};
}

base::Result<std::uint64_t> take_u64(base::ByteView& from) {
    WAVS_TRY(auto value, rlp::take_number(from));
    if (value > ~std::uint64_t{0}) {
        return invalid("a number is too large");
    }
    return static_cast<std::uint64_t>(value);
}

base::Result<void> take_target(base::ByteView& from, Transaction& tx) {
    WAVS_TRY(tx.gas_limit, take_u64(from));
    WAVS_TRY(auto to, rlp::take(from));
    if (to.is_list || (!to.payload.empty() && to.payload.size() != 20)) {
        return invalid("the target is no address");
    }
    if (!to.payload.empty()) {
        tx.to = types::EvmAddress::from(to.payload.first<20>());
    }
    WAVS_TRY(tx.value, rlp::take_number(from));
    WAVS_TRY(auto data, rlp::take(from));
    if (data.is_list) {
        return invalid("the data is a list");
    }
    tx.data = base::to_bytes(data.payload);
    return base::ok();
}

// v, r, s.
base::Result<Wei> take_signature(base::ByteView& from) {
    WAVS_TRY(auto v, rlp::take_number(from));
    for (int i = 0; i < 2; ++i) {
        WAVS_TRY(auto part, rlp::take(from));
        if (part.is_list || part.payload.empty() || part.payload.size() > 32) {
            return invalid("the signature is malformed");
        }
    }
    if (!from.empty()) {
        return invalid("bytes after its end");
    }
    return v;
}

base::Result<Transaction> parse_type2(base::ByteView fields) {
    Transaction tx;
    Eip1559Fee fee;
    WAVS_TRY(tx.chain_id, take_u64(fields));
    WAVS_TRY(tx.nonce, take_u64(fields));
    WAVS_TRY(fee.max_priority_fee, rlp::take_number(fields));
    WAVS_TRY(fee.max_fee, rlp::take_number(fields));
    tx.fee = fee;
    WAVS_TRY(take_target(fields, tx));
    WAVS_TRY(auto access, rlp::take(fields));
    if (!access.is_list || !access.payload.empty()) {
        return invalid("an access list is not ours");
    }
    WAVS_TRY(take_signature(fields));
    return tx;
}

base::Result<Transaction> parse_legacy(base::ByteView fields) {
    Transaction tx;
    LegacyFee fee;
    WAVS_TRY(tx.nonce, take_u64(fields));
    WAVS_TRY(fee.gas_price, rlp::take_number(fields));
    tx.fee = fee;
    WAVS_TRY(take_target(fields, tx));
    WAVS_TRY(auto v, take_signature(fields));
    if (v < 35 || (v - 35) / 2 > ~std::uint64_t{0}) {
        return invalid("no chain id");
    }
    tx.chain_id = static_cast<std::uint64_t>((v - 35) / 2);
    return tx;
}

}  // namespace

types::Bytes32 signing_hash(const Transaction& transaction) {
    return types::Bytes32(hash::keccak256(unsigned_bytes(transaction)));
}

SignedTransaction sign(const Transaction& transaction, const crypto::SecretKey& key) {
    const auto made = crypto::sign_recoverable(signing_hash(transaction), key);
    const auto bytes = made.view();
    const Signature signature{bytes.subspan(0, 32), bytes.subspan(32, 32), bytes[64] - 27U};
    SignedTransaction out;
    out.raw = signed_bytes(transaction, signature);
    out.hash = types::Bytes32(hash::keccak256(out.raw));
    out.nonce = transaction.nonce;
    return out;
}

base::Result<Transaction> parse_signed(base::ByteView raw) {
    const bool type2 = !raw.empty() && raw[0] == kType2;
    auto rest = type2 ? raw.subspan(1) : raw;
    WAVS_TRY(auto list, rlp::take(rest));
    if (!list.is_list || !rest.empty()) {
        return invalid("not one list");
    }
    return type2 ? parse_type2(list.payload) : parse_legacy(list.payload);
}

}  // namespace wavs::chain_evm
