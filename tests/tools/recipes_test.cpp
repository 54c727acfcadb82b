#include "tools/recipes.h"

#include <gtest/gtest.h>

#include "tests/data/coordinates.h"
#include "tools/command.h"
#include "tools/memory_size.h"

namespace tessera::tools {
namespace {

using data::coordinates;

DataOptions photographs(const std::string& recipe, const std::string& crop) {
  DataOptions options;
  options.dataset = "folder";
  options.folder = "DIR";
  options.recipe = recipe;
  options.crop = crop;
  return options;
}

TEST(DataRecipe, EachMakesItsWindowAndDependsOnTheStreamAlone) {
  for (const std::string& name : recipe_names()) {
    const Recipe recipe = make_recipe(photographs(name, "20x24"), 255);
    data::RandomStream a{1}, b{1};
    const data::Sample first = recipe.training(coordinates(40, 50), a), second = recipe.training(coordinates(40, 50), b);
    EXPECT_EQ(first.image.height, 20) << name;
    EXPECT_EQ(first.label.width, 24) << name;
    EXPECT_EQ(first.image, second.image) << name;
    EXPECT_EQ(first.label, second.label) << name;
    EXPECT_EQ(recipe.no_padding, name == "voc");
    data::RandomStream validation{2};
    const data::Sample shown = recipe.validation(coordinates(40, 50), validation);
    if (name == "notes")
      EXPECT_EQ(shown.image.width, 24);  // letterboxed
    else
      EXPECT_EQ(shown.image, coordinates(40, 50).image) << name;
  }
}

TEST(DataRecipe, WindowsWithoutPaddingHoldNothingButThePicture) {
  const Recipe recipe = make_recipe(photographs("voc", "20x24"), 9999);
  data::RandomStream stream{1};
  for (int i = 0; i < 20; ++i)
    for (const int32_t id : recipe.training(coordinates(20, 50), stream).label.ids) ASSERT_NE(id, 9999);
}

TEST(DataRecipe, NoAugmentIsTheRecipeNone) {
  DataOptions options = photographs("standard", "");
  options.augment = false;
  data::RandomStream stream{1};
  EXPECT_EQ(make_recipe(options, 255).training(coordinates(5, 6), stream).image, coordinates(5, 6).image);
  options.recipe = "notes";
  EXPECT_THROW(resolve(options), UsageError) << "they say the opposite";
}

TEST(DataRecipe, UnknownNamesAndMissingSizesAreUsageErrors) {
  EXPECT_THROW(make_recipe(photographs("other", "8x8"), 255), UsageError);
  for (const char* name : {"notes", "voc"}) EXPECT_THROW(make_recipe(photographs(name, ""), 255), UsageError) << name;
}

TEST(CacheSize, ReadsWhatPeopleWrite) {
  EXPECT_EQ(cache_size("0"), 0u);
  EXPECT_EQ(cache_size("1000"), 1000u);
  EXPECT_EQ(cache_size("500MB"), 500'000'000u);
  EXPECT_EQ(cache_size("1.5GiB"), size_t{3} << 29);
  EXPECT_EQ(cache_size("2K"), 2048u);
  EXPECT_GT(cache_size("auto"), size_t{1} << 20);
  for (const char* wrong : {"", "much", "-1", "5 apples", "1TiB", "nan", "inf", "1e30"})
    EXPECT_THROW(cache_size(wrong), UsageError) << wrong;
}

}  // namespace
}  // namespace tessera::tools
