#include "data/dataset_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <utility>

#include "core/error.h"
#include "data/file.h"
#include "data/file_pairs.h"
#include "data/order.h"

namespace tessera::data {
namespace fs = std::filesystem;
namespace {

constexpr char kOperation[] = "find_dataset";
constexpr double kDefaultValSplit = 0.1;

using Names = std::vector<std::string>;
const Names kImageFolders = {"images", "imgs", "image", "img", "photos", "JPEGImages"};
const Names kLabelFolders = {"labels", "masks", "label", "mask", "annotations/pixel-level", "annotations", "cls",
                             "SegmentationClass"};
const std::map<std::string, Names> kSplits = {
    {"train", {"train", "training"}}, {"val", {"val", "valid", "validation"}}, {"test", {"test", "testing"}}};

// The first of the names that is a folder (or file) in `parent`; empty for none.
fs::path first_folder(const fs::path& parent, const Names& names) {
  for (const std::string& name : names)
    if (fs::is_directory(parent / name)) return parent / name;
  return {};
}
fs::path first_list(const fs::path& parent, const Names& names) {
  for (const std::string& name : names)
    if (fs::is_regular_file(parent / (name + ".txt"))) return parent / (name + ".txt");
  return {};
}

using Splits = std::map<std::string, SplitFiles>;
struct Found {
  Splits splits;  // "all" alone, where the layout has none
  std::string explanation;
};

// --- The layouts; nothing, where a folder does not have one -------------------------------------------------------------------

std::optional<fs::path> voc_root(const fs::path& root) {
  for (const fs::path& folder : {root, root / "VOC2012", root / "VOC2007", root / "VOCdevkit/VOC2012", root / "VOCdevkit/VOC2007"})
    if (fs::is_directory(folder / "JPEGImages") && fs::is_directory(folder / "SegmentationClass")) return folder;
  return std::nullopt;
}

std::optional<Found> find_voc(const fs::path& folder, const FileOptions& options) {
  SplitFiles all = pairs_by_stem(folder / "JPEGImages", folder / "SegmentationClass", options.mask_suffix);
  const fs::path lists = folder / "ImageSets/Segmentation";
  Found found{{}, "Pascal VOC layout"};
  for (const auto& [split, names] : kSplits)
    if (const fs::path list = first_list(lists, names); !list.empty()) found.splits[split] = pairs_of_list(all, list);
  if (found.splits.contains("train")) return found;
  found.splits.clear();
  const fs::path list = lists / "trainval.txt";
  if (!fs::exists(list)) all.images_without_label.clear();  // VOC has labels for some of its pictures only
  found.splits["all"] = fs::exists(list) ? pairs_of_list(all, list) : std::move(all);
  return found;
}

std::optional<Found> find_segnet(const fs::path& root, const FileOptions& options) {
  Found found{{}, "CamVid in SegNet's layout"};
  for (const char* split : {"train", "val", "test"})
    if (const fs::path labels = root / (std::string(split) + "annot"); fs::is_directory(labels))
      found.splits[split] = pairs_by_stem(root / split, labels, options.mask_suffix);
  if (!found.splits.contains("train")) return std::nullopt;
  return found;
}

std::optional<Found> find_folders(const fs::path& root, const FileOptions& options) {
  Found found{{}, "folders of pictures and labels"};
  const fs::path all_images = first_folder(root, kImageFolders), all_labels = first_folder(root, kLabelFolders);
  for (const auto& [split, names] : kSplits) {
    const fs::path folder = first_folder(root, names);
    fs::path images, labels;
    if (!folder.empty()) {
      images = first_folder(folder, kImageFolders);
      labels = first_folder(folder, kLabelFolders);
    } else if (!all_images.empty() && !all_labels.empty()) {
      images = first_folder(all_images, names);
      labels = first_folder(all_labels, names);
    }
    if (!images.empty() && !labels.empty()) found.splits[split] = pairs_by_stem(images, labels, options.mask_suffix);
    else if (!images.empty() && split != "test")  // test pictures often come without labels
      file_error(kOperation, images.parent_path(), "has pictures but no folder of labels", "Put them in a folder named labels.");
  }
  if (found.splits.contains("train")) return found;
  if (all_images.empty() || all_labels.empty()) return std::nullopt;
  found.splits.clear();
  const SplitFiles all = pairs_by_stem(all_images, all_labels, options.mask_suffix);
  for (const auto& [split, names] : kSplits)
    if (const fs::path list = first_list(root, names); !list.empty()) found.splits[split] = pairs_of_list(all, list);
  if (!found.splits.contains("train")) found.splits = {{"all", all}};
  return found;
}

std::optional<Found> find_lists(const fs::path& root, const FileOptions&) {
  Found found{{}, "list of pictures and labels"};
  if (fs::is_regular_file(root)) {
    found.splits["all"] = pairs_of_lines(root);
    return found;
  }
  for (const auto& [split, names] : kSplits)
    if (const fs::path list = first_list(root, names); !list.empty()) found.splits[split] = pairs_of_lines(list);
  if (!found.splits.contains("train")) return std::nullopt;
  return found;
}

bool has_mat_labels(const Found& found) {
  const SplitFiles& first = found.splits.begin()->second;
  return !first.pairs.empty() && lower_extension(first.pairs.front().label) == ".mat";
}

// --- One of them --------------------------------------------------------------------------------------------------------------

struct Candidate {
  std::string format;
  std::optional<Found> found;
};

Candidate find_layout(const fs::path& root, const FileOptions& options) {
  const std::string& wanted = options.format;
  const auto may_be = [&](std::initializer_list<std::string_view> formats) {
    return wanted.empty() || std::find(formats.begin(), formats.end(), wanted) != formats.end();
  };
  std::optional<Found> found;
  if (fs::is_regular_file(root)) {
    if (may_be({"list", "camvid"})) return {wanted.empty() ? "list" : wanted, find_lists(root, options)};
    return {};
  }
  if (may_be({"voc"}))
    if (const std::optional<fs::path> folder = voc_root(root)) return {"voc", find_voc(*folder, options)};
  if (may_be({"camvid"}) && (found = find_segnet(root, options))) return {"camvid", found};
  if (may_be({"folder", "mat", "camvid"}) && (found = find_folders(root, options)))
    return {!wanted.empty() ? wanted : has_mat_labels(*found) ? "mat" : "folder", found};
  if (may_be({"list", "camvid"}) && (found = find_lists(root, options))) return {wanted.empty() ? "list" : wanted, found};
  return {};
}

[[noreturn]] void no_layout(const fs::path& root, const std::string& wanted) {
  if (!fs::exists(root)) file_error(kOperation, root, "there is no such folder", "Check --data.");
  const std::map<std::string, std::string> needs = {
      {"voc", "JPEGImages, SegmentationClass and ImageSets/Segmentation/train.txt"},
      {"camvid", "train and trainannot, or train/images and train/labels, or train.txt with two paths a line"},
      {"folder", "{train,val}/{images,labels}, or images and masks"},
      {"mat", "images and masks, masks being .mat files"},
      {"list", "train.txt with the paths of a picture and of its label on each line"}};
  const auto need = needs.find(wanted);
  if (need != needs.end())
    file_error(kOperation, root, "is no data set of format " + wanted, fmt::format("It needs {}.", need->second));
  file_error(kOperation, root, "has none of the layouts of a data set",
             fmt::format("A simple one is {}.", needs.at("folder")));
}

// Takes a part of the whole, or of the training split, as validation split; returns what to say of it.
std::string split_off(const fs::path& root, Splits& splits, const FileOptions& options) {
  if (splits.contains("val")) {
    check<ValueError>(!options.val_split, "--val-split: {} has a validation split of its own. Leave the flag out.", root.string());
    return "";
  }
  const double part = options.val_split.value_or(kDefaultValSplit);
  check<ValueError>(part > 0 && part < 1, "--val-split: {}. The part that is held out, between 0 and 1.", part);
  SplitFiles whole = std::move(splits.contains("all") ? splits["all"] : splits["train"]);
  splits.erase("all");
  const auto count = static_cast<int64_t>(whole.pairs.size());
  if (count < 2)
    file_error(kOperation, root, fmt::format("holds {} pairs of picture and label", count),
               "It needs at least two, one of which is held out.");
  const int64_t held_out = std::clamp<int64_t>(std::llround(part * static_cast<double>(count)), 1, count - 1);
  std::vector<int64_t> order = shuffled_order(count, RandomStream{options.seed});
  std::sort(order.begin(), order.begin() + held_out);
  std::sort(order.begin() + held_out, order.end());
  SplitFiles &train = splits["train"], &val = splits["val"];
  for (int64_t i = 0; i < count; ++i) (i < held_out ? val : train).pairs.push_back(std::move(whole.pairs[order[i]]));
  train.images_without_label = std::move(whole.images_without_label);
  train.labels_without_image = std::move(whole.labels_without_image);
  return fmt::format(", {} of {} held out by seed {}", held_out, count, options.seed);
}

}  // namespace

DatasetFiles find_dataset(const fs::path& root, const FileOptions& options) {
  static const Names formats = {"", "voc", "camvid", "folder", "mat", "list"};
  check<ValueError>(std::find(formats.begin(), formats.end(), options.format) != formats.end(),
                    "find_dataset: format {}. It is voc, camvid, folder, mat or list.", options.format);
  Candidate layout = find_layout(root, options);
  if (!layout.found) no_layout(root, options.format);
  DatasetFiles files{layout.format, fs::is_directory(root) ? root : root.parent_path(), std::move(layout.found->splits),
                     std::move(layout.found->explanation)};
  if (layout.format == "voc") files.root = *voc_root(root);
  files.explanation += split_off(root, files.splits, options);
  for (const auto& [split, list] : files.splits)
    if (list.pairs.empty() && list.images_without_label.empty() && list.labels_without_image.empty())
      file_error(kOperation, root, "its split " + split + " holds no pair of image and label",
                 "Put files in its folders of images and labels.");
  return files;
}

}  // namespace tessera::data
