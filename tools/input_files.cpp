#include "tools/input_files.h"

#include <fmt/format.h>
#include <glob.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <memory>
#include <set>

#include "core/error.h"

namespace tessera::tools {
namespace {

namespace fs = std::filesystem;

bool is_picture(const fs::path& file) {
  std::string extension = file.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) { return std::tolower(c); });
  return extension == ".png" || extension == ".jpg" || extension == ".jpeg" || extension == ".bmp";
}

// The folder below `folder`, at most two levels down, that has the most pictures: "; x/images has 14: give that one".
std::string hint_at_pictures(const fs::path& folder) {
  std::map<fs::path, int> counts;
  std::error_code error;  // what cannot be read is passed over
  auto entry = fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied, error);
  for (int looked = 0; !error && entry != fs::end(entry) && looked < 20'000; entry.increment(error), ++looked) {
    if (entry.depth() == 2) entry.disable_recursion_pending();
    std::error_code unknown;
    if (is_picture(entry->path()) && entry->is_regular_file(unknown)) ++counts[entry->path().parent_path()];
  }
  const auto most = std::max_element(counts.begin(), counts.end(), [](auto& a, auto& b) { return a.second < b.second; });
  return most == counts.end() ? "" : fmt::format("; {} has {}: give that one", most->first.string(), most->second);
}

std::vector<fs::path> pictures_in(const std::string& who, const fs::path& folder) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    if (entry.is_regular_file() && is_picture(entry.path())) files.push_back(entry.path());
  if (files.empty())
    throw FileError(
        fmt::format("{}: {}: no pictures (PNG, JPEG, BMP) in this folder{}.", who, folder.string(), hint_at_pictures(folder)));
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<fs::path> matches(const std::string& who, const std::string& pattern) {
  glob_t found{};
  const std::unique_ptr<glob_t, void (*)(glob_t*)> guard(&found, &globfree);
  check<FileError>(glob(pattern.c_str(), 0, nullptr, &found) == 0, "{}: {}: no file fits this pattern.", who, pattern);
  return {found.gl_pathv, found.gl_pathv + found.gl_pathc};
}

}  // namespace

std::vector<fs::path> picture_files(const std::string& who, const std::vector<std::string>& inputs) {
  std::vector<fs::path> files;
  std::set<fs::path> seen;
  const auto add = [&](const fs::path& file) {
    if (seen.insert(fs::weakly_canonical(file)).second) files.push_back(file);
  };
  for (const std::string& input : inputs) {
    if (fs::is_directory(input)) {
      for (const fs::path& file : pictures_in(who, input)) add(file);
    } else if (!fs::exists(input) && input.find_first_of("*?[") != std::string::npos) {
      for (const fs::path& file : matches(who, input)) add(file);
    } else {
      add(input);
    }
  }
  return files;
}

std::optional<fs::path> find_truth(const fs::path& picture, const fs::path& folder) {
  std::vector<fs::path> folders;
  if (folder.empty()) {
    const fs::path parent = fs::absolute(picture).parent_path();
    constexpr std::array<std::pair<const char*, const char*>, 4> kPartners = {
        {{"images", "labels"}, {"images", "masks"}, {"imgs", "masks"}, {"JPEGImages", "SegmentationClass"}}};
    for (const auto& [images, labels] : kPartners)
      if (parent.filename() == images) folders.push_back(parent.parent_path() / labels);
    folders.push_back(parent.string() + "annot");
  } else {
    folders.push_back(folder);
  }
  for (const fs::path& candidate : folders)
    for (const char* ending : {".png", "_mask.png"})
      if (const fs::path file = candidate / (picture.stem().string() + ending); fs::is_regular_file(file)) return file;
  return std::nullopt;
}

}  // namespace tessera::tools
