// SPDX-License-Identifier: Apache-2.0
#include "wavs/p2p/identity.hpp"

#include "wavs/storage/data_dir.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>

namespace wavs::p2p {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class IdentityTest : public ::testing::Test {
protected:
    IdentityTest() : data_(storage::make_temporary_folder("wavs-identity").value()) {}
    ~IdentityTest() override { std::filesystem::remove_all(data_); }

    base::Result<Identity> load() const { return load_identity(data_ / "p2p"); }
    std::filesystem::path file() const { return data_ / "p2p" / "identity.key"; }
    void write(std::string_view text, ::mode_t mode = 0600) const {
        std::filesystem::create_directories(file().parent_path());
        std::ofstream(file(), std::ios::binary) << text;
        ASSERT_EQ(::chmod(file().c_str(), mode), 0);
    }
    std::string content() const { return storage::read_file(file()).value(); }
    static unsigned mode_of(const std::filesystem::path& path) {
        struct ::stat about{};
        EXPECT_EQ(::stat(path.c_str(), &about), 0);
        return about.st_mode & 07777U;
    }
    void expect_damaged(const std::string& how) const {
        const auto loaded = load();
        ASSERT_FALSE(loaded.has_value()) << how;
        EXPECT_EQ(loaded.error().code().view(), "p2p_identity_damaged");
        EXPECT_THAT(loaded.error().full_text(),
                    AllOf(HasSubstr(file().string()), HasSubstr(how),
                          HasSubstr("restore it from a backup, or delete it")));
    }

    std::filesystem::path data_;
};

const std::string kKey = "00112233445566778899aabbccddeeff0123456789abcdef0123456789abcdef";

TEST_F(IdentityTest, is_made_once_for_this_user_alone) {
    const auto first = load();
    ASSERT_TRUE(first.has_value()) << first.error().full_text();
    EXPECT_EQ(mode_of(file()), 0600U);
    EXPECT_EQ(mode_of(data_ / "p2p"), 0700U);
    const auto text = content();
    const auto again = load();
    ASSERT_TRUE(again.has_value());
    EXPECT_TRUE(std::ranges::equal(first.value().reveal(), again.value().reveal()));
    EXPECT_EQ(content(), text);
    EXPECT_EQ(text.size(), 65U);

    std::filesystem::remove(file());
    ASSERT_TRUE(load().has_value());
    EXPECT_NE(content(), text);
}

TEST_F(IdentityTest, is_read_from_its_digits) {
    write(kKey + "\n", 0400);
    const auto loaded = load();
    ASSERT_TRUE(loaded.has_value()) << loaded.error().full_text();
    EXPECT_EQ(loaded.value().reveal()[1], 0x11);
    EXPECT_EQ(loaded.value().reveal()[31], 0xef);
}

TEST_F(IdentityTest, is_refused_when_others_may_read_it) {
    for (const ::mode_t mode : {0640U, 0604U, 0620U, 0777U}) {
        write(kKey + "\n", mode);
        const auto loaded = load();
        ASSERT_FALSE(loaded.has_value()) << mode;
        EXPECT_EQ(loaded.error().code().view(), "p2p_identity_open");
        EXPECT_THAT(loaded.error().full_text(),
                    AllOf(HasSubstr(fmt::format("{} has mode {:04o}", file().string(), mode)),
                          HasSubstr("chmod 600 " + file().string()), Not(HasSubstr("0011"))));
    }
}

TEST_F(IdentityTest, is_refused_when_damaged) {
    write("");
    expect_damaged("has 0 bytes instead of 65");
    write(kKey);
    expect_damaged("has 64 bytes instead of 65");
    write(kKey + "\n\n");
    expect_damaged("has 66 bytes");
    write(kKey + "0");
    expect_damaged("is not a line of 64 lower-case hex digits");
    write("X" + kKey.substr(1) + "\n");
    expect_damaged("is not a line of 64 lower-case hex digits");
    write(std::string(64, '0') + "\n");
    expect_damaged("is not a line of 64 lower-case hex digits");
    write(std::string(65, '\0'));
    expect_damaged("is not a line of 64 lower-case hex digits");
    // Nothing was repaired.
    EXPECT_EQ(content(), std::string(65, '\0'));
}

TEST_F(IdentityTest, is_refused_when_it_is_no_file) {
    std::filesystem::create_directories(file());
    expect_damaged("is not a file");
    std::filesystem::remove(file());
    ASSERT_EQ(::mkfifo(file().c_str(), 0600), 0);
    expect_damaged("is not a file");
    std::filesystem::remove(file());
    std::filesystem::create_symlink(data_ / "elsewhere", file());
    expect_damaged("is a link to a file that is not there");
}

TEST_F(IdentityTest, a_folder_that_cannot_be_made_is_named) {
    std::ofstream(data_ / "p2p") << "in the way";
    const auto loaded = load();
    ASSERT_FALSE(loaded.has_value());
    EXPECT_EQ(loaded.error().code().view(), "storage_io");
    EXPECT_THAT(loaded.error().full_text(), HasSubstr((data_ / "p2p").string()));
}

}  // namespace
}  // namespace wavs::p2p
