#include "nn/serialize/pth.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/ops.h"
#include "models/unet.h"
#include "nn/serialize/npy.h"
#include "nn/serialize/state_dict.h"
#include "tests/data/temporary_folder.h"
#include "tests/models/golden_network.h"
#include "tests/support/numbers.h"
#include "tests/support/pickles.h"

namespace tessera {
namespace {

using namespace testing_support;
namespace fs = std::filesystem;

Weights load(const std::string& bytes) { return load_pth(bytes_of(bytes), "some.file"); }

std::string refusal(const std::string& bytes) {
  const std::string message = data::message_of<FileError>([&]() -> void {
    try {
      load(bytes);
    } catch (const FileError& error) {
      throw FileError(std::string(error.what()) + ".");  // message_of wants a sentence
    }
  });
  EXPECT_TRUE(message.starts_with("some.file: ")) << message;
  return message;
}

bool same(const NamedTensors& a, const NamedTensors& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    const Tensor x = a[i].second.contiguous(), y = b[i].second.contiguous();
    if (a[i].first != b[i].first || x.dtype() != y.dtype() || !(x.sizes() == y.sizes())) return false;
    if (x.numel() > 0 && std::memcmp(x.data_ptr(), y.data_ptr(), x.nbytes()) != 0) return false;
  }
  return true;
}

// A legacy file: `storages` are (key, elements, bytes).
std::string legacy_of(const std::string& value, const std::vector<std::tuple<std::string, int64_t, std::string>>& storages,
                      const std::string& machine = "}") {
  std::string file("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15), keys = "](";
  file += pickle("M\xe9\x03") + pickle(machine) + pickle(value);
  for (const auto& [key, numel, bytes] : storages) keys += pickled(key);
  file += pickle(keys + "e");
  for (const auto& [key, numel, bytes] : storages) file += number(static_cast<uint64_t>(numel), 8) + bytes;
  return file;
}

const std::string kOne = rebuilt(storage("FloatStorage", "0", 2), 0, {2}, {1});
const std::string kOneData = raw<float>({1.5f, -2});

TEST(Pth, ReadsViewsOfSharedStorages) {
  const std::string six = storage("FloatStorage", "0", 6);
  const Weights w = load(pth_of(dict({{"rows", rebuilt(six, 0, {2, 3}, {3, 1})},
                                      {"turned", rebuilt(six, 0, {3, 2}, {1, 3})},
                                      {"tail", rebuilt(six, 4, {2}, {1})},
                                      {"number", rebuilt(six, 3, {}, {})},
                                      {"none", rebuilt(six, 6, {0, 4}, {4, 1})},
                                      {"counter", rebuilt(storage("LongStorage", "1", 1), 0, {}, {})}}),
                                {raw<float>({0, 1, 2, 3, 4, 5}), raw<int64_t>({7})}));
  ASSERT_EQ(w.tensors.size(), 6u);
  EXPECT_EQ(w.format, "PyTorch");
  EXPECT_EQ(numbers(w.tensors[0].second), (std::vector<double>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(numbers(w.tensors[1].second), (std::vector<double>{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(numbers(w.tensors[2].second), (std::vector<double>{4, 5}));
  EXPECT_EQ(w.tensors[3].second.item<float>(), 3);
  EXPECT_EQ(to_string(w.tensors[4].second.sizes()), "[0, 4]");
  EXPECT_EQ(w.tensors[5].second.item<int64_t>(), 7);
  EXPECT_EQ(w.tensors[0].second.storage(), w.tensors[1].second.storage());
}

TEST(Pth, FindsTheModelOfACheckpoint) {
  for (const char* key : {"model", "state_dict", "model_state_dict", "net"}) {
    const Weights w =
        load(pth_of(dict({{"epoch", "K\x03"}, {key, dict({{"w", kOne}})}, {"optimizer", dict({{"state", "}"}})}}), {kOneData}));
    ASSERT_EQ(w.tensors.size(), 1u) << key;
    EXPECT_EQ(w.tensors[0].first, "w");
    EXPECT_EQ(w.metadata.at("epoch"), "3");
    EXPECT_EQ(w.left_out, std::vector<std::string>{"optimizer (dict)"});
  }
  // Other things among the tensors, as some training programs leave them.
  const Weights w = load(pth_of(dict({{"w", kOne}, {"mask_values", "]"}}), {kOneData}));
  EXPECT_EQ(w.tensors.size(), 1u);
  EXPECT_EQ(w.left_out, std::vector<std::string>{"mask_values (list)"});
  EXPECT_EQ(load(pth_of(kOne, {kOneData})).tensors.at(0).first, "tensor");
  EXPECT_TRUE(load(pth_of("}", {})).tensors.empty());
  EXPECT_NE(refusal(pth_of(dict({{"epoch", "K\x03"}, {"weights?", "]"}}), {})).find("epoch, weights?"), std::string::npos);
  refusal(pth_of("]", {}));
}

TEST(Pth, StripsAPrefixThatAllNamesHave) {
  EXPECT_EQ(load(pth_of(dict({{"module.a", kOne}, {"module.b", kOne}}), {kOneData})).tensors[1].first, "b");
  EXPECT_EQ(load(pth_of(dict({{"module.a", kOne}, {"b", kOne}}), {kOneData})).tensors[0].first, "module.a");
  EXPECT_EQ(load(pth_of(dict({{"module._orig_mod.a", kOne}}), {kOneData})).tensors[0].first, "a");
}

TEST(Pth, ANameThatComesAgainReplaces) {
  const Weights w =
      load(pth_of(dict({{"a", kOne}, {"b", kOne}, {"a", rebuilt(storage("FloatStorage", "0", 2), 1, {1}, {1})}}), {kOneData}));
  ASSERT_EQ(w.tensors.size(), 2u);
  EXPECT_EQ(numbers(w.tensors[0].second), (std::vector<double>{-2}));
}

TEST(Pth, RefusesArchivesThatLie) {
  const std::string good = dict({{"w", kOne}});
  EXPECT_EQ(load(pth_of(good, {kOneData})).tensors.size(), 1u);
  refusal("");
  refusal("PK");
  refusal("PK\3\4");
  EXPECT_NE(refusal(zip_of({{"x/other", ""}})).find("data.pkl"), std::string::npos);
  EXPECT_NE(refusal(pth_of(good, {})).find("x/data/0"), std::string::npos);
  EXPECT_NE(refusal(pth_of(good, {kOneData.substr(1)})).find("has 7 bytes"), std::string::npos);
  refusal(pth_of(good, {kOneData + "x"}));
  EXPECT_NE(refusal(zip_of({{"x/data.pkl", pickle(good)}, {"x/data/0", kOneData}, {"x/byteorder", "big"}})).find("big"),
            std::string::npos);
  EXPECT_EQ(load(zip_of({{"x/data.pkl", pickle(good)}, {"x/data/0", kOneData}, {"x/byteorder", "little"}})).tensors.size(), 1u);
  refusal(pth_of(dict({{"w", rebuilt(storage("BoolStorage", "0", 1), 0, {1}, {1})}}), {"\x02"}));
  std::string damaged = pth_of(good, {kOneData});
  damaged[damaged.find(kOneData)] ^= 1;  // the checksum sees it
  EXPECT_NE(refusal(damaged).find("CRC"), std::string::npos);
}

TEST(Pth, EntriesThatShareTheirBytesDoNotMakeAFileLarger) {
  ZipEntries entries = {{"x/data.pkl", ""}};
  std::vector<std::pair<std::string, std::string>> tensors;
  for (int i = 0; i < 4; ++i) {
    const std::string key = std::to_string(i);
    tensors.emplace_back("w" + key, rebuilt(storage("ByteStorage", key, 4096), 0, {4096}, {1}));
    entries.emplace_back("x/data/" + key, i == 0 ? std::string(4096, 'a') : "");
  }
  entries[0].second = pickle(dict(tensors));
  std::string file = zip_of(entries);
  // In the directory, the empty entries get the first one's checksum, sizes and place.
  std::vector<size_t> lines;
  for (size_t at = file.find("PK\1\2"); at != file.npos; at = file.find("PK\1\2", at + 4)) lines.push_back(at);
  ASSERT_EQ(lines.size(), 5u);
  for (size_t i = 2; i < 5; ++i) {
    file.replace(lines[i] + 16, 12, file, lines[1] + 16, 12);
    file.replace(lines[i] + 42, 4, file, lines[1] + 42, 4);
  }
  EXPECT_NE(refusal(file).find("hold more than the file"), std::string::npos);
}

TEST(Pth, RefusesEveryTruncation) {
  const std::string zip = pth_of(dict({{"w", kOne}}), {kOneData});
  for (size_t n = 0; n < zip.size(); ++n) refusal(zip.substr(0, n));
  const std::string legacy = legacy_of(dict({{"w", kOne}}), {{"0", 2, kOneData}});
  for (size_t n = 0; n < legacy.size(); ++n) refusal(legacy.substr(0, n));
}

TEST(Pth, ReadsLegacyFiles) {
  const Weights w = load(legacy_of(dict({{"w", kOne}}), {{"0", 2, kOneData}}, dict({{"little_endian", "\x88"}})));
  EXPECT_EQ(w.format, "PyTorch, legacy");
  EXPECT_EQ(numbers(w.tensors.at(0).second), (std::vector<double>{1.5, -2}));
  // A storage that is a part of another: (key, offset, size).
  const std::string part = "(" + pickled("storage") + "ctorch\nFloatStorage\n" + pickled("0") + pickled("cpu") +
                           pickled(int64_t{2}) + "(" + pickled("9") + "K\x01K\x01ttQ";
  EXPECT_EQ(numbers(load(legacy_of(dict({{"w", rebuilt(part, 0, {1}, {1})}}), {{"0", 2, kOneData}})).tensors[0].second),
            (std::vector<double>{-2}));
  refusal(legacy_of(dict({{"w", rebuilt(part, 1, {1}, {1})}}), {{"0", 2, kOneData}}));
  EXPECT_NE(refusal(legacy_of(dict({{"w", kOne}}), {{"0", 2, kOneData}}, dict({{"little_endian", "\x89"}}))).find("byte order"),
            std::string::npos);
  refusal(legacy_of(dict({{"w", kOne}}), {{"0", 3, kOneData + "1234"}}));
  refusal(legacy_of(dict({{"w", kOne}}), {{"1", 2, kOneData}}));
  refusal(legacy_of(dict({{"w", kOne}}), {}));
  refusal(legacy_of(dict({{"w", kOne}}), {{"0", -1, kOneData}}));
}

// A tar archive of PyTorch before 0.1.10.
std::string tar_of(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string archive;
  for (const auto& [name, content] : entries) {
    std::string header(512, '\0');
    header.replace(0, name.size(), name);
    header.replace(124, 11, fmt::format("{:011o}", content.size()));
    header.replace(257, 5, "ustar");
    archive += header + content + std::string((512 - content.size() % 512) % 512, '\0');
  }
  return archive + std::string(1024, '\0');
}

std::string tar_with(const std::string& storages, const std::string& tensors, const std::string& content) {
  return tar_of({{"sys_info", pickle("}")}, {"pickle", pickle(content)}, {"tensors", tensors}, {"storages", storages}});
}

TEST(Pth, ReadsTarArchives) {
  const std::string storages = pickle("K\x01") + pickle("K\x07" + pickled("cpu") + "ctorch\nFloatStorage\n\x87") + number(2, 8) +
                               kOneData + pickle("]((K\x08K\x07K\x01K\x01te");  // number 8: the second element of number 7
  const auto tensor = [](const std::string& numbers, const std::vector<int64_t>& rest) {
    return pickle(numbers + "ctorch\nFloatTensor\n\x87") + number(rest.size() / 2, 4) + number(0, 4) + raw(rest);
  };
  const std::string tensors = pickle("K\x02") + tensor("K\x09K\x07", {2, 1, 0}) + tensor("K\x0aK\x08", {1, 1, 0});
  const std::string parameter = "ctorch.nn.parameter\nParameter\n)\x81(" + pickled("9") + "QNN\x88\x89tb";
  const std::string content = dict({{"w", parameter}, {"v", pickled("10") + "Q"}});
  const std::string whole = tar_with(storages, tensors, content);
  const Weights w = load(whole);
  ASSERT_EQ(w.tensors.size(), 2u);
  EXPECT_EQ(numbers(w.tensors[0].second), (std::vector<double>{1.5, -2}));
  EXPECT_EQ(numbers(w.tensors[1].second), (std::vector<double>{-2}));
  for (size_t n = 0; n < whole.find(storages) + storages.size(); n += 7) refusal(whole.substr(0, n));
  for (size_t n = 0; n < storages.size(); ++n) refusal(tar_with(storages.substr(0, n), tensors, content));
  for (size_t n = 0; n < tensors.size(); ++n) refusal(tar_with(storages, tensors.substr(0, n), content));
  refusal(tar_with(storages, pickle("K\x01") + tensor("K\x09K\x07", {2, 1, 1}), content));
  refusal(tar_with(storages, pickle("K\x01") + tensor("K\x09K\x06", {2, 1, 0}), content));
  refusal(tar_with(storages, tensors, dict({{"w", pickled("11") + "Q"}})));
  refusal(tar_with(storages, tensors, dict({{"w", "ctorch.nn.parameter\nParameter\n)\x81"}})));
  refusal(tar_of({{"pickle", pickle(content)}}));
}

TEST(Pth, WhatIsWrittenComesBack) {
  NamedTensors tensors;
  for (ScalarType dtype : {kBool, kFloat32, kUInt8, kFloat64, kBFloat16, kInt64, kFloat16, kInt32, kInt16, kInt8})
    tensors.emplace_back(std::string("t.") + to_string(dtype), arange(7).to(kFloat32).to(dtype));
  tensors.emplace_back("scalar", full({}, 2.5, kFloat64));
  tensors.emplace_back("empty", zeros({0, 3}));
  tensors.emplace_back("turned", arange(6).reshape({2, 3}).t());
  tensors.emplace_back("again", tensors[1].second);
  std::ostringstream stream;
  save_pth(stream, tensors);
  const std::string file = stream.str();
  const Weights back = load(file);
  EXPECT_TRUE(same(back.tensors, tensors));
  EXPECT_EQ(back.tensors[1].second.storage(), back.tensors.back().second.storage());
  const std::string data = raw<double>({0, 1, 2, 3, 4, 5, 6});
  EXPECT_EQ(file.find(data) % 64, 0u) << "aligned";
  for (const char* name : {"", "\xff"}) EXPECT_THROW(save_pth(stream, {{name, ones({1})}}), ValueError);
  EXPECT_THROW(save_pth(stream, {{"w", ones({1})}, {"w", ones({1})}}), ValueError);
  EXPECT_THROW(save_pth(stream, {{"w", Tensor()}}), ValueError);
}

TEST(Zip, Crc32) {
  EXPECT_EQ(crc32(bytes_of("")), 0u);
  EXPECT_EQ(crc32(bytes_of("123456789")), 0xCBF43926u);  // the check value of the catalogue of CRCs
  EXPECT_EQ(crc32(bytes_of("The quick brown fox jumps over the lazy dog")), 0x414FA339u);
}

class PthFiles : public testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(weights_)) GTEST_SKIP() << "no " << weights_;
  }
  std::string path(const std::string& name) const { return (weights_ / name).string(); }
  fs::path weights_ = fs::path(TESSERA_SHARED_DIR) / "data/weights";
};

TEST_F(PthFiles, LoadIntoAUNetAndGiveTheLogits) {
  models::UNet net(models::UNetOptions().feature_scale(16).n_classes(12).is_deconv(true));
  const NoGradGuard no_grad;
  net->eval();
  const Tensor input = filled({1, 3, 32, 64}, [](uint32_t i) { return 1.5 * unit(i, 1000); }).to(kFloat32);
  const auto expected = numbers(load_npy(path("unet_fs16_checkpoint_logits.npy")));
  for (const auto& [name, tolerance] : {std::pair("unet_fs16_checkpoint.pth", 1e-5),
                                        {"unet_fs16_dataparallel.pth", 1e-5},
                                        {"unet_fs16_half.pth", 1e-3}}) {  // weights of 11 bits
    nn::load_state_dict(*net, load_weights(path(name)).tensors);
    expect_close(numbers(net(input)), expected, tolerance, name);
  }
  EXPECT_EQ(load_weights(path("unet_fs16_checkpoint.pth")).metadata.at("epoch"), "3");
  EXPECT_EQ(load_weights(path("unet_fs16_half.pth")).tensors[0].second.dtype(), kFloat16);
  // Saved before those, with other weights.
  const Weights zip = load_weights(path("unet_fs16_state_dict.pth")),
                legacy = load_weights(path("unet_fs16_state_dict_legacy.pth"));
  EXPECT_TRUE(same(zip.tensors, legacy.tensors));
  EXPECT_EQ(legacy.format, "PyTorch, legacy");
  nn::load_state_dict(*net, zip.tensors);
}

TEST_F(PthFiles, ComeBackBitForBitThroughSafetensors) {
  const data::TemporaryFolder folder;
  for (const auto& entry : fs::directory_iterator(weights_)) {
    if (entry.path().extension() != ".pth") continue;
    const Weights original = load_weights(entry.path());
    save_weights(folder / "a.safetensors", original);
    const Weights there = load_weights(folder / "a.safetensors");
    EXPECT_EQ(there.metadata, original.metadata);
    save_weights(folder / "a.pth", there);
    const Weights back = load_weights(folder / "a.pth");
    EXPECT_EQ(back.format, "PyTorch");
    EXPECT_TRUE(same(original.tensors, back.tensors)) << entry.path();
  }
}

// PyTorch's own reading of what was written: the same names and bytes as in the file that it wrote itself.
TEST_F(PthFiles, PyTorchReadsWhatWasWritten) {
  if (std::system("python3 -c 'import torch' 2>/dev/null") != 0) GTEST_SKIP() << "python3 has no torch";
  const data::TemporaryFolder folder;
  save_weights(folder / "a.pth", load_weights(path("unet_fs16_state_dict.pth")));
  std::ofstream(folder / "check.py") << R"(
import sys, torch
ours, theirs = (torch.load(path, weights_only=True) for path in sys.argv[1:3])
assert list(ours) == list(theirs)
for name in ours:
    assert ours[name].dtype == theirs[name].dtype and torch.equal(ours[name], theirs[name]), name
)";
  const std::string command = "python3 '" + (folder / "check.py").string() + "' '" + (folder / "a.pth").string() + "' '" +
                              path("unet_fs16_state_dict.pth") + "'";
  EXPECT_EQ(std::system(command.c_str()), 0);
}

TEST(Pth, TheBadFilesOfTheDataSetAreRefusedByNameAndReason) {
  const fs::path bad = fs::path(TESSERA_SHARED_DIR) / "data/bad";
  if (!fs::exists(bad)) GTEST_SKIP() << "no " << bad;
  fs::remove("/tmp/pwned");
  for (const auto& [name, reason] : {std::pair("code_execution.pth", "posix.system"),
                                     {"truncated.pth", "cut off"},
                                     {"resnet18_legacy_truncated.pth", "cut off"},
                                     {"header_too_long.safetensors", "header"},
                                     {"offsets_outside.safetensors", "bytes"},
                                     {"overlap.safetensors", "negative"},
                                     {"empty.png", "no weight file"},
                                     {"not_an_image.jpg", "no weight file"},
                                     {"absent.pth", "no such file"},
                                     {"", "no regular file"}}) {
    try {
      load_weights((bad / name).string());
      ADD_FAILURE() << name << " was accepted";
    } catch (const FileError& error) {
      const std::string message = error.what();
      EXPECT_TRUE(message.starts_with((bad / name).string() + ": ")) << message;
      EXPECT_NE(message.find(reason), message.npos) << message;
      EXPECT_EQ(message.find('\n'), message.npos) << message;
    }
  }
  EXPECT_FALSE(fs::exists("/tmp/pwned"));
}

}  // namespace
}  // namespace tessera
