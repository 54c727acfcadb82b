#include "tools/recipes.h"

#include <algorithm>

#include "data/paste.h"
#include "data/rotation.h"
#include "tools/command.h"

namespace tessera::tools {

const std::vector<std::string>& recipe_names() {
  static const std::vector<std::string> names = {"none", "standard", "camvid", "notes", "voc", "topdown"};
  return names;
}

Recipe make_recipe(const DataOptions& options, int32_t ignore_index) {
  const std::string name = options.augment ? options.recipe : "none";
  const auto is = [&](const char* other) { return name == other; };
  const bool cropped = !options.crop.empty();
  check<UsageError>(std::find(recipe_names().begin(), recipe_names().end(), name) != recipe_names().end(),
                    "--recipe: {} is none. There are {}.", name, fmt::join(recipe_names(), ", "));
  check<UsageError>(cropped || !(is("notes") || is("voc")), "--recipe {} needs --crop HxW, the size that it makes.", name);
  const Size window = cropped ? parse_size("crop", options.crop) : Size{};

  data::Compose resizing;
  if (!options.is_shapes() && !options.size.empty()) {
    const Size size = parse_size("size", options.size);
    resizing.transforms.push_back(data::Resize{size.height, size.width});
  }
  data::Compose all = resizing;
  const auto add = [&](data::Transform transform) { all.transforms.push_back(std::move(transform)); };
  if (is("notes")) {
    add(data::RandomAspectPaste{window.height, window.width, ignore_index});
    add(data::HsvJitter{});
    return {all, data::LetterBox{window.height, window.width, ignore_index}, true, false};
  }
  const bool augmented = is("standard") || is("camvid") || is("topdown");
  if (augmented) add(data::RandomHorizontalFlip{});
  if (is("topdown")) add(data::RandomVerticalFlip{});
  if (cropped && augmented)
    add(data::RandomScaledCrop{0.75, is("camvid") ? 1.75 : 1.5, window.height, window.width, ignore_index});
  else if (cropped)
    add(data::RandomCrop{window.height, window.width, ignore_index});
  if (is("topdown")) add(data::RandomQuarterTurns{});
  if (augmented && !options.is_shapes()) add(data::ColorJitter{0.2, 0.2, is("camvid") ? 0.0 : 0.2});
  return {all, resizing, options.is_shapes() || !options.size.empty(), is("voc")};
}

}  // namespace tessera::tools
