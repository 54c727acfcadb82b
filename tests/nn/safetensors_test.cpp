#include "nn/serialize/safetensors.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/ops.h"

namespace tessera {
namespace {

namespace fs = std::filesystem;

class SafeTensorsTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) /
              ("safetensors_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(folder_);
    fs::create_directory(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  size_t files() const { return static_cast<size_t>(std::distance(fs::directory_iterator(folder_), fs::directory_iterator())); }

  fs::path folder_;
};

bool same_bytes(const Tensor& a, const Tensor& b) {
  if (!(a.sizes() == b.sizes()) || a.dtype() != b.dtype()) return false;
  return a.numel() == 0 || std::memcmp(a.data_ptr(), b.data_ptr(), a.nbytes()) == 0;
}

// A file of the given header and `data_size` zero bytes.
std::string file_of(const std::string& header, size_t data_size) {
  std::string text(8, '\0');
  const uint64_t n = header.size();
  std::memcpy(text.data(), &n, 8);
  return text + header + std::string(data_size, '\0');
}

std::string refusal(const std::string& bytes) {
  std::istringstream stream(bytes);
  try {
    load_safetensors(stream, "some.file");
  } catch (const FileError& e) {
    EXPECT_TRUE(std::string(e.what()).starts_with("some.file: ")) << e.what();
    return e.what();
  }
  ADD_FAILURE() << "accepted: " << bytes.substr(8, 200);
  return "";
}

TEST_F(SafeTensorsTest, RoundTripKeepsBytesOrderAndMetadata) {
  SafeTensors content;
  for (ScalarType dtype : {kBool, kFloat32, kUInt8, kFloat64, kBFloat16, kInt64, kFloat16, kInt32, kInt16, kInt8})
    content.tensors.emplace_back(std::string("t.") + to_string(dtype), (arange(7).to(kFloat32)).to(dtype));
  content.tensors.emplace_back("scalar", full({}, 2.5, kFloat64));
  content.tensors.emplace_back("empty", zeros({0, 3}));
  content.tensors.emplace_back("turned", arange(6).reshape({2, 3}).t());
  content.metadata = {{"format", "pt"}, {"text", "line\n\"quoted\" ü"}};
  save_safetensors(path("a"), content);

  const SafeTensors back = load_safetensors(path("a"));
  ASSERT_EQ(back.tensors.size(), content.tensors.size());
  for (size_t i = 0; i < back.tensors.size(); ++i) {
    EXPECT_EQ(back.tensors[i].first, content.tensors[i].first);
    EXPECT_TRUE(same_bytes(back.tensors[i].second, content.tensors[i].second.contiguous())) << back.tensors[i].first;
  }
  EXPECT_EQ(back.metadata, content.metadata);
  EXPECT_EQ(back.text("format"), "pt");
  EXPECT_EQ(back.find("absent"), nullptr);
  EXPECT_THROW(back.at("absent"), ValueError);
  EXPECT_EQ(files(), 1u);
}

TEST_F(SafeTensorsTest, NothingAtAllIsAFileToo) {
  save_safetensors(path("a"), {});
  EXPECT_TRUE(load_safetensors(path("a")).tensors.empty());
}

TEST_F(SafeTensorsTest, AFailedWriteLeavesTheOldFileAndNoTemporary) {
  SafeTensors content{{{"w", ones({4})}}, {}};
  save_safetensors(path("a"), content);
  EXPECT_THROW(save_safetensors(path("none/a"), content), FileError);
  content.tensors.emplace_back("w", ones({4}));
  EXPECT_THROW(save_safetensors(path("a"), content), ValueError);

  // A disk that is full after 4096 bytes.
  content.tensors = {{"large", ones({4096})}};
  rlimit old{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = old;
  small.rlim_cur = 4096;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  EXPECT_THROW(save_safetensors(path("a"), content), FileError);
  setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, old_handler);

  EXPECT_EQ(files(), 1u);
  EXPECT_EQ(load_safetensors(path("a")).at("w").numel(), 4);
}

TEST_F(SafeTensorsTest, BadNamesAreRefused) {
  std::ostringstream out;
  for (const char* name : {"", "__metadata__", "\xff"})
    EXPECT_THROW(save_safetensors(out, SafeTensors{{{name, ones({1})}}, {}}), ValueError) << name;
  EXPECT_THROW(save_safetensors(out, SafeTensors{{{"w", Tensor()}}, {}}), ValueError);
}

TEST_F(SafeTensorsTest, HostileHeadersAreRefused) {
  const auto entry = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return "{\"w\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}}";
  };
  std::istringstream good(file_of(entry("F32", "[2,2]", "[0,16]"), 16));
  EXPECT_EQ(load_safetensors(good, "good").at("w").numel(), 4);

  refusal("");
  refusal("1234567");
  refusal(std::string("\xff\xff\xff\xff\xff\xff\xff\x7f{}", 10));
  refusal(file_of("", 0));
  refusal(file_of("[]", 0));
  refusal(file_of("{", 0));
  refusal(file_of("{}{}", 0));
  refusal(file_of(std::string(100000, '['), 0));
  refusal(file_of("{\"a\":" + std::string(100000, '['), 0));
  refusal(file_of("{}", 1));  // bytes of nobody
  refusal(file_of(entry("F32", "[2,2]", "[0,16]"), 17));
  refusal(file_of(entry("F32", "[2,2]", "[0,16]"), 15));
  refusal(file_of(entry("F32", "[2,2]", "[1,17]"), 17));  // a gap
  refusal(file_of(entry("F32", "[2,2]", "[16,0]"), 16));
  refusal(file_of(entry("F32", "[2,2]", "[0]"), 16));
  refusal(file_of(entry("F32", "[2,2]", "[0,16,16]"), 16));
  refusal(file_of(entry("F32", "[2,3]", "[0,16]"), 16));
  refusal(file_of(entry("F32", "[-4]", "[0,16]"), 16));
  refusal(file_of(entry("F32", "[4.0]", "[0,16]"), 16));
  refusal(file_of(entry("F32", "[[4]]", "[0,16]"), 16));
  refusal(file_of(entry("F32", "{}", "[0,16]"), 16));
  refusal(file_of(entry("F32", "4", "[0,16]"), 16));
  refusal(file_of(entry("F32", "[1,1,1,1,1,1,1,1,4]", "[0,16]"), 16));
  refusal(file_of(entry("F32", "[4294967296,4294967296,4]", "[0,16]"), 16));  // 2^68
  refusal(file_of(entry("F32", "[0,9223372036854775807,9223372036854775807]", "[0,0]"), 0));
  refusal(file_of(entry("F32", "[18446744073709551617]", "[0,0]"), 0));
  refusal(file_of(entry("BOOL", "[1]", "[0,1]"), 0) + "\x02");
  EXPECT_NE(refusal(file_of(entry("U16", "[8]", "[0,16]"), 16)).find("\"w\": the dtype \"U16\" is not supported"),
            std::string::npos);
  refusal(file_of("{\"w\":{\"dtype\":\"F32\",\"shape\":[0]}}", 0));
  refusal(file_of("{\"w\":{\"dtype\":\"F32\",\"shape\":[0],\"shape\":[0],\"data_offsets\":[0,0]}}", 0));
  refusal(file_of("{\"w\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0],\"x\":\"y\"}}", 0));
  refusal(file_of("{\"w\":1}", 0));
  refusal(file_of("{\"w\":null}", 0));
  refusal(file_of("{\"__metadata__\":{\"a\":1}}", 0));
  refusal(file_of("{\"__metadata__\":\"a\"}", 0));
  const std::string zero = "{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}";
  EXPECT_NE(refusal(file_of("{\"w\":" + zero + ",\"w\":" + zero + "}", 0)).find("twice"), std::string::npos);
}

TEST_F(SafeTensorsTest, EveryTruncationOfAFileIsRefused) {
  std::ostringstream out;
  save_safetensors(out, SafeTensors{{{"a", ones({3})}, {"b", arange(2)}}, {{"k", "v"}}});
  const std::string whole = out.str();
  for (size_t n = 0; n < whole.size(); ++n) refusal(whole.substr(0, n));
}

TEST_F(SafeTensorsTest, TheBadFilesOfTheDataSetAreRefusedByName) {
  const fs::path bad = fs::path(TESSERA_SHARED_DIR) / "data/bad";
  if (!fs::exists(bad)) GTEST_SKIP() << "no " << bad;
  for (const char* name : {"header_too_long", "offsets_outside", "overlap"}) {
    const std::string file = (bad / (std::string(name) + ".safetensors")).string();
    try {
      load_safetensors(file);
      ADD_FAILURE() << file << " was accepted";
    } catch (const FileError& e) {
      EXPECT_TRUE(std::string(e.what()).starts_with(file)) << e.what();
    }
  }
  EXPECT_THROW(load_safetensors((bad / "absent.safetensors").string()), FileError);
  EXPECT_THROW(load_safetensors(bad.string()), FileError);
}

}  // namespace
}  // namespace tessera
