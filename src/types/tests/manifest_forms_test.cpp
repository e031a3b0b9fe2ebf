// SPDX-License-Identifier: Apache-2.0
// Variations of one manifest, with what another implementation of the protocol made of each: its
// canonical text and digest, or its refusal.
#include "vectors.hpp"

#include "wavs/types/json_tree.hpp"
#include "wavs/types/manifest_json.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace wavs::types {
namespace {

using json::Tree;

Tree* member(Tree& object, std::string_view name) {
    for (json::TreeMember& one : std::get<Tree::Object>(object.value)) {
        if (one.name == name) {
            return &one.value;
        }
    }
    return nullptr;
}

/// The object that holds the last word of a path such as "workflows/default/trigger".
Tree* parent(Tree& root, std::string_view& path) {
    Tree* at = &root;
    for (std::size_t slash; (slash = path.find('/')) != std::string_view::npos;) {
        at = member(*at, path.substr(0, slash));
        path.remove_prefix(slash + 1);
    }
    return at;
}

void put(Tree& root, std::string_view path, const Tree& value) {
    Tree* const object = parent(root, path);
    if (Tree* const old = member(*object, path)) {
        *old = value;
    } else {
        std::get<Tree::Object>(object->value).push_back({std::string(path), value});
    }
}

void drop(Tree& root, std::string_view path) {
    auto& members = std::get<Tree::Object>(parent(root, path)->value);
    std::erase_if(members, [&](const json::TreeMember& m) { return m.name == path; });
}

class Forms {
public:
    Forms()
        : text_(vector_file("manifest_forms.json")), document_(must(json::Document::parse(text_))) {
        base_text_ = std::string(text_at(*document_.root().items().begin(), "manifest"));
        base_ = must(json::parse_tree(base_text_));
        base_workflow_ = *member(*member(base_, "workflows"), "default");
        base_component_ = *member(base_workflow_, "component");
    }

    const std::string& base_text() const { return base_text_; }
    auto cases() const { return document_.root().items(); }

    /// The value of a case, its place-holders filled in.
    Tree value(const json::Value& at) const { return filled(must(json::read_tree(at))); }

    std::string input(const json::Value& one) const {
        if (const auto manifest = one.find("manifest")) {
            return std::string(manifest->text());
        }
        if (const auto text = one.find("input")) {
            return std::string(text->text());
        }
        Tree tree = base_;
        if (const auto path = one.find("delete")) {
            drop(tree, path->text());
        } else {
            put(tree, text_at(one, "set"), value(*one.find("value")));
        }
        return json::to_json(tree);
    }

private:
    Tree filled(Tree tree) const {
        if (const auto* text = std::get_if<std::string>(&tree.value)) {
            if (*text == "<base workflow>") {
                return base_workflow_;
            }
            return *text == "<base component>" ? base_component_ : tree;
        }
        if (auto* members = std::get_if<Tree::Object>(&tree.value)) {
            for (json::TreeMember& one : *members) {
                one.value = filled(std::move(one.value));
            }
        }
        return tree;
    }

    std::string text_;
    json::Document document_;
    std::string base_text_;
    Tree base_;
    Tree base_workflow_;
    Tree base_component_;
};

/// Accepted elsewhere and refused here: an array in place of an object (docs/protocol 1.1).
const std::set<std::string_view> kRefusedHere = {"trigger evm positional array",
                                                 "permissions array", "service positional array"};

/// Other words for the same refusal.
const std::map<std::string_view, std::string_view> kOtherReason = {
    {"trigger evm hash short",
     "workflows.default.trigger.evm_contract_event.event_hash: invalid string length"},
    {"source digest array",
     "workflows.default.component.source.digest: invalid type: sequence, expected a hex string"},
    {"permissions null",
     "workflows.default.component.permissions: invalid type: null, expected an object"},
    {"component fuel over",
     "workflows.default.component.fuel_limit: invalid type: floating point "
     "`18446744073709552000.0`, expected u64"},
    {"service array too long", "expected an object"},
    {"submit aggregator bad algorithm",
     "workflows.default.submit.aggregator.signature_kind.algorithm: unknown signature algorithm "
     "`bls`, this node knows `secp256k1`: needs a newer node"},
};

/// Refused in the current form, accepted in an older one.
const std::set<std::string_view> kOlderForm = {"trigger evm chain_name",
                                               "source download url",
                                               "source registry inner",
                                               "source Registry",
                                               "permissions list",
                                               "permissions All",
                                               "component without permissions",
                                               "component without config",
                                               "component without env_keys",
                                               "submit None",
                                               "service inactive",
                                               "service Active"};

const Forms& forms() {
    static const Forms kForms;
    return kForms;
}

void check_accepted(const json::Value& one, const Service& service) {
    const std::string text = to_json(service);
    if (const auto hash = one.find("hash")) {
        EXPECT_EQ(to_string(service_digest(service)).substr(0, hash->text().size()), hash->text());
    }
    if (const auto value = one.find("canonical_value")) {
        Tree written = must(json::parse_tree(text));
        std::string_view path = text_at(one, "set");
        Tree* const object = parent(written, path);
        EXPECT_TRUE(*member(*object, path) == forms().value(*value)) << text;
    }
    const auto canonical = one.find("canonical");
    if (!canonical.has_value()) {
        return;
    }
    if (canonical->text() == "same as base") {
        EXPECT_EQ(text, forms().base_text());
    } else if (canonical->text() == "same as input") {
        EXPECT_TRUE(must(json::parse_tree(text)) == must(json::parse_tree(forms().input(one))));
    } else {
        EXPECT_EQ(text, canonical->text());
    }
}

TEST(ManifestForms, accepted_ones_give_the_canonical_text_and_digest) {
    std::size_t accepted = 0;
    for (const json::Value one : forms().cases()) {
        const std::string_view name = text_at(one, "case");
        if (text_at(one, "status") != "200" || kRefusedHere.contains(name)) {
            continue;
        }
        SCOPED_TRACE(name);
        const auto manifest = parse_manifest(forms().input(one));
        ASSERT_TRUE(manifest.has_value()) << manifest.error().message();
        EXPECT_TRUE(manifest.value().warnings.empty());
        check_accepted(one, manifest.value().service);
        ++accepted;
    }
    EXPECT_GT(accepted, 80U);
}

TEST(ManifestForms, refused_ones_are_refused_for_the_same_reason) {
    const ManifestOptions strict{.legacy = LegacyManifests::Refuse};
    std::size_t refused = 0;
    for (const json::Value one : forms().cases()) {
        const std::string_view name = text_at(one, "case");
        if (text_at(one, "status") == "200") {
            continue;
        }
        SCOPED_TRACE(name);
        const auto manifest = parse_manifest(forms().input(one), strict);
        ASSERT_FALSE(manifest.has_value());
        const std::string& message = manifest.error().message();
        const auto other = kOtherReason.find(name);
        const std::string reason(other == kOtherReason.end() ? text_at(one, "reason")
                                                             : other->second);
        EXPECT_EQ(message.substr(0, message.rfind(" at line ")), reason);
        const std::string_view code =
            text_at(one, "status") == "400" ? "json_syntax" : "json_shape";
        if (!name.ends_with("bad algorithm")) {
            EXPECT_EQ(manifest.error().code().view(), code);
        }
        ++refused;
    }
    EXPECT_GT(refused, 70U);
}

TEST(ManifestForms, arrays_in_place_of_objects_are_refused_with_a_hint) {
    for (const json::Value one : forms().cases()) {
        if (kRefusedHere.contains(text_at(one, "case"))) {
            const auto manifest = parse_manifest(forms().input(one));
            ASSERT_FALSE(manifest.has_value());
            EXPECT_EQ(manifest.error().code().view(), "json_syntax");
            EXPECT_FALSE(manifest.error().remedy().empty());
        }
    }
}

TEST(ManifestForms, older_forms_are_accepted_with_a_warning_and_nothing_else_is) {
    for (const json::Value one : forms().cases()) {
        const std::string_view name = text_at(one, "case");
        if (text_at(one, "status") == "200") {
            continue;
        }
        SCOPED_TRACE(name);
        const auto manifest = parse_manifest(forms().input(one));
        EXPECT_EQ(manifest.has_value(), kOlderForm.contains(name));
        if (manifest.has_value() && name != "submit None" && name != "service Active" &&
            name != "permissions All" && name != "source Registry") {
            EXPECT_FALSE(manifest.value().warnings.empty());
        }
    }
}

TEST(ManifestForms, canonical_text_reads_back_as_the_same_service) {
    for (const json::Value one : forms().cases()) {
        const auto manifest = parse_manifest(forms().input(one));
        if (manifest.has_value()) {
            const auto again = parse_manifest(to_json(manifest.value().service));
            ASSERT_TRUE(again.has_value());
            EXPECT_EQ(again.value().service, manifest.value().service);
        }
    }
}

}  // namespace
}  // namespace wavs::types
