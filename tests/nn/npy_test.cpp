#include "nn/serialize/npy.h"

#include <gtest/gtest.h>

#include <cstring>
#include <sstream>

#include "core/ops.h"
#include "tests/data/temporary_folder.h"
#include "tests/support/numbers.h"
#include "tests/support/pickles.h"

namespace tessera {
namespace {

using namespace testing_support;

std::string npy(const std::string& header, const std::string& data, int version = 1) {
  return std::string("\x93NUMPY", 6) + static_cast<char>(version) + '\0' + number(header.size(), version == 1 ? 2 : 4) + header +
         data;
}
std::string header(const std::string& descr, const std::string& shape, const std::string& order = "False") {
  return "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
}
Tensor load(const std::string& bytes) { return load_npy(bytes_of(bytes), "some.file"); }
std::string refusal(const std::string& bytes) {
  try {
    load(bytes);
  } catch (const FileError& error) {
    const std::string message = error.what();
    EXPECT_TRUE(message.starts_with("some.file: ")) << message;
    return message;
  }
  ADD_FAILURE() << "accepted";
  return "";
}

TEST(Npy, ReadsVersionsOrdersAndTypes) {
  const std::string six = raw<float>({0, 1, 2, 3, 4, 5});
  for (int version : {1, 2, 3})
    EXPECT_EQ(numbers(load(npy(header("<f4", "(2, 3)"), six, version))), (std::vector<double>{0, 1, 2, 3, 4, 5}));
  const Tensor turned = load(npy(header("<f4", "(2, 3)", "True"), six));
  EXPECT_EQ(to_string(turned.sizes()), "[2, 3]");
  EXPECT_EQ(numbers(turned), (std::vector<double>{0, 2, 4, 1, 3, 5}));
  const std::string big("\x3f\x80\0\0\xc0\0\0\0", 8);
  EXPECT_EQ(numbers(load(npy(header(">f4", "(2,)"), big))), (std::vector<double>{1, -2}));
  EXPECT_EQ(load(npy(header("<i8", "()"), raw<int64_t>({-5}))).item<int64_t>(), -5);
  EXPECT_EQ(to_string(load(npy(header("|b1", "(0, 3)"), "")).sizes()), "[0, 3]");
  EXPECT_EQ(load(npy(header("|u1", "(1,)"), "\xff")).item<int64_t>(), 255);
  EXPECT_EQ(numbers(load(npy("{\"shape\":(2,),\"fortran_order\":False,\"descr\":\"=f8\"}", raw<double>({3, 4})))),
            (std::vector<double>{3, 4}));
}

TEST(Npy, WhatIsWrittenComesBack) {
  for (ScalarType dtype : {kBool, kFloat32, kUInt8, kFloat64, kInt64, kFloat16, kInt32, kInt16, kInt8})
    for (const Tensor& t : {arange(6).to(kFloat32).to(dtype), arange(6).to(kFloat32).to(dtype).reshape({2, 3}).t(),
                            zeros({0, 2}, dtype), full({}, 1, dtype)}) {
      std::ostringstream stream;
      save_npy(stream, t);
      const std::string file = stream.str();
      const Tensor back = load(file);
      EXPECT_EQ(back.dtype(), dtype);
      EXPECT_EQ(to_string(back.sizes()), to_string(t.sizes()));
      EXPECT_EQ(numbers(back), numbers(t));
      EXPECT_EQ((file.size() - t.nbytes()) % 64, 0u);
    }
  std::ostringstream stream;
  EXPECT_THROW(save_npy(stream, ones({1}, kBFloat16)), ValueError);
  EXPECT_THROW(save_npy(stream, Tensor()), ValueError);
  const data::TemporaryFolder folder;
  save_npy(folder / "a.npy", arange(3));
  EXPECT_EQ(numbers(load_npy(folder / "a.npy")), (std::vector<double>{0, 1, 2}));
  EXPECT_THROW(load_npy(folder / "b.npy"), FileError);
}

TEST(Npy, HeadersThatLieAreRefused) {
  const std::string four = raw<float>({1});
  EXPECT_EQ(load(npy(header("<f4", "(1,)"), four)).numel(), 1);
  const std::string whole = npy(header("<f4", "(1,)"), four);
  for (size_t n = 0; n < whole.size(); ++n) refusal(whole.substr(0, n));
  refusal(whole + "x");
  refusal(npy(header("<f4", "(1,)"), four, 4));
  refusal(std::string("\x93NUMPY\2\0\xff\xff\xff\xff{", 13));
  EXPECT_NE(refusal(npy(header("<c8", "(1,)"), four + four)).find("'<c8' is not supported"), std::string::npos);
  refusal(npy(header("<O", "(1,)"), four));
  refusal(npy(header("f4", "(1,)"), four));
  for (const char* shape : {"(2,)", "(-1,)", "(1", "1", "[1]", "(1 1)", "(99999999999999999999,)", "(4294967296, 4294967296)",
                            "(0, 4294967296, 4294967296)", "(1,1,1,1,1,1,1,1,1)", "('a',)", "(1.0,)"})
    refusal(npy(header("<f4", shape), four));
  refusal(npy(header("<f4", "(1,)", "Perhaps"), four));
  refusal(npy("{'descr': '<f4', 'shape': (1,)}", four));
  refusal(npy("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", four));
  refusal(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'more': (1,)}", four));
  refusal(npy(header("<f4", "(1,)") + "x", four));
  refusal(npy("", four));
  refusal(npy(header("|b1", "(1,)"), "\x02"));
}

}  // namespace
}  // namespace tessera
