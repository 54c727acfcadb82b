#include "nn/serialize/pickle.h"

#include <gtest/gtest.h>

#include "tests/support/pickles.h"

namespace tessera {
namespace {

using namespace testing_support;
using Kind = PickleKind;

PickleDocument read(const std::string& text) {
  std::span<const uint8_t> bytes = bytes_of(text);
  PickleDocument document = read_pickle(bytes, "some.file");
  EXPECT_TRUE(bytes.empty()) << bytes.size() << " bytes were left";
  return document;
}

std::string refusal(const std::string& text) {
  try {
    read(text);
  } catch (const FileError& error) {
    const std::string message = error.what();
    EXPECT_TRUE(message.starts_with("some.file: byte ")) << message;
    EXPECT_EQ(message.find('\n'), message.npos) << message;
    return message;
  }
  ADD_FAILURE() << "accepted: " << printable(text);
  return "";
}

bool contains(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), text.npos) << part << " in: " << text;
  return text.find(part) != text.npos;
}

TEST(Pickle, Numbers) {
  EXPECT_TRUE(read("\x80\x02N.").root.is(Kind::None));
  EXPECT_TRUE(read("\x80\x02\x88.").root.boolean());
  EXPECT_FALSE(read("\x80\x02\x89.").root.boolean());
  EXPECT_EQ(read("\x80\x02K\xff.").root.integer(), 255);
  EXPECT_EQ(read("\x80\x02M\xff\xff.").root.integer(), 65535);
  EXPECT_EQ(read("\x80\x02J\xfe\xff\xff\xff.").root.integer(), -2);
  EXPECT_EQ(read(std::string("\x80\x02\x8a\x00.", 5)).root.integer(), 0);
  EXPECT_EQ(read("\x80\x02\x8a\x01\xff.").root.integer(), -1);
  EXPECT_EQ(read(std::string("\x80\x02\x8a\x02\xff\x00.", 7)).root.integer(), 255);
  EXPECT_EQ(read(pickle(pickled(INT64_MIN))).root.integer(), INT64_MIN);
  EXPECT_EQ(read(std::string("\x80\x02G\xbf\xe0\0\0\0\0\0\0.", 12)).root.real(), -0.5);
}

TEST(Pickle, TextsAndBytes) {
  EXPECT_EQ(read(pickle(pickled("na\xc3\xafve"))).root.text(), "na\xc3\xafve");
  EXPECT_EQ(read("\x80\x04\x8c\x02"
                 "ab.")
                .root.text(),
            "ab");
  const PickleDocument bytes = read(
      "\x80\x03"
      "C\x02\xff\x01.");
  EXPECT_TRUE(bytes.root.is(Kind::Bytes));
  EXPECT_EQ(bytes.root.text(), "\xff\x01");
  // b"\x80a" as protocol 2 writes it
  EXPECT_EQ(read(pickle("c_codecs\nencode\n(" +
                        pickled("\xc2\x80"
                                "a") +
                        pickled("latin1") + "tR"))
                .root.text(),
            "\x80"
            "a");
}

TEST(Pickle, Containers) {
  const PickleDocument list =
      read(pickle("](K\x01K\x02"
                  "eK\x03"
                  "a"));
  ASSERT_EQ(list.root.items().size(), 3u);
  EXPECT_EQ(list.root.items()[2].integer(), 3);
  EXPECT_EQ(read(pickle("K\x01K\x02\x86")).root.items()[1].integer(), 2);
  EXPECT_EQ(read(pickle("(K\x01K\x02K\x03t")).root.items().size(), 3u);
  const PickleDocument pairs = read(pickle(dict({{"a", "K\x01"}, {"b", "K\x02"}, {"a", "K\x03"}})));
  EXPECT_EQ(pairs.root.find("a")->integer(), 3) << "the last one counts";
  EXPECT_EQ(pairs.root.find("c"), nullptr);
  const PickleDocument ordered = read(
      pickle("ccollections\nOrderedDict\n)R(" + pickled("k") + "K\x01u}" + pickled("_metadata") + "}sb"));  // with attributes
  EXPECT_EQ(ordered.root.find("k")->integer(), 1);
  EXPECT_EQ(read(pickle("ccollections\nOrderedDict\n(](" + pickled("k") +
                        "K\x05\x86"
                        "etR"))
                .root.find("k")
                ->integer(),
            5);
  EXPECT_TRUE(read(pickle("ccollections\ndefaultdict\nc__builtin__\nlist\n\x85R")).root.is(Kind::Dict));
  EXPECT_EQ(read(pickle("c__builtin__\nset\n](K\x01K\x02"
                        "e\x85R"))
                .root.items()
                .size(),
            2u);
  EXPECT_EQ(read("\x80\x04\x8f(K\x01\x90.").root.items().size(), 1u);
  EXPECT_EQ(read(pickle("ctorch\nSize\n" + pickled(std::vector<int64_t>{2, 3}) + "\x85R")).root.items()[1].integer(), 3);
}

TEST(Pickle, NamedValues) {
  EXPECT_EQ(read(pickle("ctorch\ndevice\n" + pickled("cuda") + "K\x01\x86R")).root.scalar_text(), "cuda:1");
  EXPECT_EQ(read(pickle("ctorch\ndevice\n" + pickled("cpu") + "\x85R")).root.text(), "cpu");
  const std::string f8 = "cnumpy\ndtype\n(" + pickled("f8") + "\x89\x88tR(K\x03" + pickled("<") +
                         "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK" + std::string(1, '\0') + "tb";
  EXPECT_EQ(read(pickle("cnumpy.core.multiarray\nscalar\n" + f8 + "C\x08" + raw<double>({0.75}) + "\x86R")).root.real(), 0.75);
}

TEST(Pickle, TheMemoSharesValues) {
  const PickleDocument twice =
      read(pickle("]q\x05](h\x05h\x05"
                  "e"));
  const auto& items = twice.root.items();
  EXPECT_EQ(&items[0].items(), &items[1].items());
  const PickleDocument itself = read(pickle("]q" + std::string(1, '\0') + "h" + std::string(1, '\0') + "a"));
  EXPECT_EQ(&itself.root.items()[0].items(), &itself.root.items());
  EXPECT_EQ(read("\x80\x04]\x94h" + std::string(1, '\0') + "\x86.").root.items().size(), 2u);
}

TEST(Pickle, ScalarsAsText) {
  EXPECT_EQ(PickleValue().scalar_text(), "None");
  EXPECT_EQ(PickleValue(true).scalar_text(), "True");
  EXPECT_EQ(PickleValue(int64_t{-3}).scalar_text(), "-3");
  EXPECT_EQ(PickleValue(0.25).scalar_text(), "0.25");
  EXPECT_EQ(read(pickle("]")).root.scalar_text(), "");
}

TEST(Pickle, AskingForTheWrongKindThrows) {
  const PickleValue three(int64_t{3});
  EXPECT_EQ(three.integer(), 3);
  EXPECT_THROW(three.text(), ValueError);
  EXPECT_THROW(three.real(), ValueError);
  EXPECT_THROW(three.items(), ValueError);
  EXPECT_THROW(three.find("a"), ValueError);
  EXPECT_THROW(three.tensor(), ValueError);
  EXPECT_THROW(PickleValue().integer(), ValueError);
}

TEST(Pickle, Tensors) {
  const PickleDocument d = read(pickle(rebuilt(storage("HalfStorage", "7", 10), 2, {2, 3}, {4, 1})));
  const PickleTensor& t = d.root.tensor();
  EXPECT_EQ(t.storage->key, "7");
  EXPECT_EQ(t.storage->dtype, kFloat16);
  EXPECT_EQ(t.storage->numel, 10);
  EXPECT_EQ(t.offset, 2);
  EXPECT_EQ(to_string(t.sizes), "[2, 3]");
  EXPECT_EQ(to_string(t.strides), "[4, 1]");
  const PickleDocument parameter =
      read(pickle("ctorch._utils\n_rebuild_parameter\n(" + rebuilt(storage("FloatStorage", "0", 1), 0, {}, {}) + "\x88NtR"));
  EXPECT_EQ(parameter.root.tensor().sizes.size(), 0u);
  const std::string one = rebuilt(storage("FloatStorage", "0", 4), 0, {4}, {1});
  EXPECT_EQ(read(pickle(one + one + "\x86")).storages.size(), 1u) << "one storage, two tensors";
}

TEST(Pickle, TensorsThatDoNotLieInTheirStorageAreRefused) {
  constexpr int64_t kHuge = INT64_MAX;
  const auto tensor = [](int64_t numel, int64_t offset, const std::vector<int64_t>& sizes, const std::vector<int64_t>& strides) {
    return pickle(rebuilt(storage("FloatStorage", "0", numel), offset, sizes, strides));
  };
  read(tensor(6, 0, {2, 3}, {3, 1}));
  read(tensor(6, 0, {3, 2}, {1, 3}));
  read(tensor(6, 5, {1}, {kHuge}));  // a stride that moves nowhere
  read(tensor(6, 6, {0}, {1}));
  refusal(tensor(5, 0, {2, 3}, {3, 1}));
  refusal(tensor(6, 1, {2, 3}, {3, 1}));
  refusal(tensor(6, 0, {2, 3}, {4, 1}));
  refusal(tensor(6, 6, {}, {}));
  refusal(tensor(0, 0, {1}, {1}));
  refusal(tensor(6, -1, {2}, {1}));
  refusal(tensor(6, 7, {0}, {1}));
  refusal(tensor(6, 0, {-2}, {1}));
  refusal(tensor(6, 0, {2}, {-1}));
  refusal(tensor(6, 0, {2, 3}, {1}));
  refusal(tensor(6, kHuge, {2}, {kHuge}));
  refusal(tensor(6, 0, {kHuge, 2}, {1, kHuge}));
  refusal(tensor(6, 0, {int64_t{1} << 40, int64_t{1} << 40}, {0, 0}));
  refusal(tensor(6, 0, {0, kHuge, kHuge}, {1, 1, 1}));
  refusal(tensor(-1, 0, {0}, {1}));
  refusal(tensor(kHuge, 0, {0}, {1}));
  refusal(tensor(int64_t{1} << 58, 0, {int64_t{1} << 57, 4}, {int64_t{1} << 57, 1}));
  refusal(tensor(6, 0, {1, 1, 1, 1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1, 1, 1, 1}));
  EXPECT_TRUE(contains(refusal(tensor(6, 0, {7}, {0})), "expanded"));
  refusal(pickle(rebuilt(storage("FloatStorage", std::string(65, '0'), 4), 0, {4}, {1})));
  refusal(pickle(storage("FloatStorage", "0", 4) + storage("LongStorage", "0", 4) + "\x86"));
}

TEST(Pickle, GlobalsAreRefusedByName) {
  EXPECT_TRUE(contains(refusal("\x80\x02"
                               "cposix\nsystem\n" +
                               pickled("touch /tmp/pwned") + "\x85R."),
                       "posix.system"));
  EXPECT_TRUE(contains(refusal("\x80\x04\x8c\x08"
                               "builtins\x8c\x04"
                               "eval\x93."),
                       "builtins.eval"));
  EXPECT_TRUE(contains(refusal("\x80\x02"
                               "ctorch\nComplexFloatStorage\n."),
                       "torch.ComplexFloatStorage"));
  EXPECT_TRUE(contains(refusal("\x80\x02"
                               "ccollections\nOrderedDict\x1b[31m\n."),
                       "OrderedDict?[31m"));
  EXPECT_LT(refusal("\x80\x02"
                    "cos\n" +
                    std::string(100000, 'x') + "\n.")
                .size(),
            500u);
  // Known, and not to be called, or not so.
  refusal(pickle("c__builtin__\nlist\n)R"));
  refusal(pickle("ctorch\nFloatStorage\n)R"));
  refusal(pickle("ctorch._utils\n_rebuild_tensor_v2\n)R"));
  refusal(pickle("ctorch._utils\n_rebuild_parameter\n(K\x01tR"));
  refusal(pickle("ctorch\ndevice\n)R"));
  refusal(pickle("K\x01)R"));
  refusal(pickle("(" + pickled("other") + "tQ"));
}

TEST(Pickle, DamagedPicklesAreRefused) {
  const std::string whole = pickle(dict({{"a", rebuilt(storage("FloatStorage", "0", 4), 0, {2, 2}, {2, 1})},
                                         {"b",
                                          "](K\x01N\x88"
                                          "e"}}));
  read(whole);
  for (size_t n = 0; n < whole.size(); ++n) refusal(whole.substr(0, n));
  refusal(std::string("\x80\x05N.", 4));  // a protocol of later times
  refusal(
      "\x80\x02"
      "I1\n.");  // an opcode of protocol 0
  refusal(
      "\x80\x02X\xff\xff\xff\x7f"
      "ab.");  // 2 GiB of text
  refusal(std::string("\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xff.", 12));
  refusal(
      "\x80\x02"
      "B\xff\xff\xff\xff.");
  refusal("\x80\x02X\x02" + std::string(3, '\0') + "\xc3\x28.");  // no UTF-8
  refusal(
      "\x80\x02\x8a\x09"
      "123456789.");  // an integer of 72 bits
  refusal("\x80\x02.");
  refusal(
      "\x80\x02"
      "0N.");
  refusal("\x80\x02h\x05.");
  refusal(
      "\x80\x02K\x01"
      "a.");
  refusal("\x80\x02]K\x01(a.");  // below the mark
  refusal("\x80\x02K\x01(\x85.");
  refusal("\x80\x02](K\x01u.");
  refusal("\x80\x02}(K\x01u.");
  refusal(
      "\x80\x02N(K\x01"
      "e.");
  refusal(
      "\x80\x02"
      "e.");
  refusal("\x80\x02NNb.");
}

TEST(Pickle, BombsAreDefused) {
  const std::string deep = pickle(std::string(1'000'000, ']') + std::string(999'999, 'a'));
  EXPECT_TRUE(read(deep).root.is(Kind::List)) << "nesting takes no stack, when reading and when freeing";
  EXPECT_TRUE(contains(refusal(pickle(std::string(3'000'000, 'N'))), "steps"));
  // A list of 1000 items, copied again and again.
  std::string copies = "](" + std::string(1000, 'N') + "eq\x01(";
  for (int i = 0; i < 100'000; ++i) copies += "c__builtin__\nset\nh\x01\x85R";
  EXPECT_TRUE(contains(refusal(pickle(copies + "t")), "steps"));
}

TEST(Pickle, Utf8) {
  for (const char* good : {"", "a", "\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"})
    EXPECT_TRUE(is_utf8(good)) << good;
  for (const char* bad :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xc3", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xff"})
    EXPECT_FALSE(is_utf8(bad)) << bad;
  EXPECT_EQ(printable("a\x1b\nb"), "a??b");
  EXPECT_EQ(printable("abc", 2), "ab...");
  EXPECT_EQ(printable("\xc3\xa4\xc3\xb6", 3), "\xc3\xa4...");
  EXPECT_EQ(printable("\xff"
                      "a"),
            "?a");
}

}  // namespace
}  // namespace tessera
