#include "tools/check_data/name_diagnosis.h"

#include <gtest/gtest.h>

namespace tessera::tools {
namespace {

using Kind = NameDiagnosis::Kind;

TEST(NameDiagnosis, WhatNamesHaveInCommon) {
  NameDiagnosis found = diagnose_names({{"a1", "a10", "b"}, {"a1-m", "a10-m", "b-m"}});
  EXPECT_EQ(found.kind, Kind::mask_suffix);
  EXPECT_EQ(found.mask_part, "-m");
  EXPECT_EQ(found.pairs, 3);
  found = diagnose_names({{"1", "2"}, {"mask_1", "mask_2"}});
  EXPECT_EQ(found.kind, Kind::mask_prefix);
  EXPECT_EQ(found.mask_part, "mask_");
  found = diagnose_names({{"x7_sat", "y8_sat"}, {"x7_mask", "y8_mask"}});
  EXPECT_EQ(found.kind, Kind::both_suffixes);
  EXPECT_EQ(found.image_part, "_sat");
  EXPECT_EQ(found.mask_part, "_mask");
  EXPECT_EQ(diagnose_names({{"IMG_1", "IMG_2"}, {"img_1", "img_2"}}).kind, Kind::letter_case);
  EXPECT_EQ(diagnose_names({{"f007", "f010"}, {"f7", "f10"}}).kind, Kind::zero_padding);
  EXPECT_EQ(diagnose_names({{"a", "b"}, {"x", "y"}}).kind, Kind::none);
  EXPECT_EQ(diagnose_names({{}, {"x"}}).kind, Kind::none);
  EXPECT_EQ(diagnose_names({{"a", "b", "c"}, {"a_m"}}).kind, Kind::none) << "one of three is no rule";
}

TEST(NameDiagnosis, ClosestStem) {
  EXPECT_EQ(closest_stem("scene_12", {"scene_99", "scene_1", "other"}), "scene_1");
  EXPECT_EQ(closest_stem("abc", {"xyz"}), "");
  EXPECT_EQ(closest_stem("abc", {}), "");
}

}  // namespace
}  // namespace tessera::tools
