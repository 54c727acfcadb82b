// The fuzzers' seeds, run through the fuzz targets without a fuzzer. CMakeLists.txt gives each target a name of its own here.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

extern "C" {
int fuzz_npy(const uint8_t* data, size_t size);
int fuzz_pickle(const uint8_t* data, size_t size);
int fuzz_pth(const uint8_t* data, size_t size);
int fuzz_safetensors(const uint8_t* data, size_t size);
int fuzz_image(const uint8_t* data, size_t size);
int fuzz_label(const uint8_t* data, size_t size);
int fuzz_picture_header(const uint8_t* data, size_t size);
int fuzz_config(const uint8_t* data, size_t size);
}

namespace {

namespace fs = std::filesystem;

// Each seed, whole and with one byte changed at a time.
void run_seeds(const char* name, int (*target)(const uint8_t*, size_t)) {
  int seeds = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(TESSERA_SOURCE_DIR) / "tests/fuzz/corpus" / name)) {
    std::ifstream stream(entry.path(), std::ios::binary);
    std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(stream), {}};
    EXPECT_LE(bytes.size(), 4096u) << entry.path() << ": seeds are small";
    ++seeds;
    EXPECT_NO_THROW(target(bytes.data(), bytes.size())) << entry.path();
    for (size_t i = 0; i < bytes.size(); ++i) {
      bytes[i] ^= 0x81;
      EXPECT_NO_THROW(target(bytes.data(), bytes.size())) << entry.path() << ", byte " << i;
      bytes[i] ^= 0x81;
    }
  }
  EXPECT_GT(seeds, 2);
}

TEST(Seeds, Npy) { run_seeds("npy", fuzz_npy); }
TEST(Seeds, Pickle) { run_seeds("pickle", fuzz_pickle); }
TEST(Seeds, Pth) { run_seeds("pth", fuzz_pth); }
TEST(Seeds, Safetensors) { run_seeds("safetensors", fuzz_safetensors); }
TEST(Seeds, Image) { run_seeds("image", fuzz_image); }
TEST(Seeds, Label) { run_seeds("label", fuzz_label); }
TEST(Seeds, PictureHeader) { run_seeds("picture_header", fuzz_picture_header); }
TEST(Seeds, Config) { run_seeds("config", fuzz_config); }

}  // namespace
