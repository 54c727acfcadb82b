// Files without partner, files that cannot be read, sizes, and what decoding drops.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "tools/check_data/examination.h"
#include "tools/check_data/name_diagnosis.h"

namespace tessera::tools {
namespace fs = std::filesystem;
namespace {

std::vector<std::string> stems(const std::vector<fs::path>& files) {
  std::vector<std::string> names;
  for (const fs::path& file : files) names.push_back(file.stem());
  return names;
}

// What to do about pictures and masks that miss each other, by their names.
std::string remedy_for_names(const NameDiagnosis& diagnosis) {
  using Kind = NameDiagnosis::Kind;
  switch (diagnosis.kind) {
    case Kind::mask_suffix: return fmt::format("Masks end in {}: add --mask-suffix {}", diagnosis.mask_part, diagnosis.mask_part);
    case Kind::mask_prefix:
      return fmt::format("Masks begin with {0}: take it off, in their folder: for f in {0}*; do mv \"$f\" \"${{f#{0}}}\"; done",
                         diagnosis.mask_part);
    case Kind::both_suffixes:
      return fmt::format(
          "Pictures end in {0} and masks in {1}: take {0} off, in the pictures' folder: for f in *{0}.*; do mv \"$f\" "
          "\"${{f/{0}./.}}\"; done; then add --mask-suffix {1}",
          diagnosis.image_part, diagnosis.mask_part);
    case Kind::letter_case: return "Their names differ in capitals only: rename one kind";
    case Kind::zero_padding: return "Their names differ in the zeros before numbers only: rename one kind";
    case Kind::none: break;
  }
  return "";
}

// "a.png (nearest: b.png)" of the first few.
std::vector<std::string> with_nearest(const Examination& e, const std::vector<fs::path>& lone,
                                      const std::vector<fs::path>& others) {
  const std::vector<std::string> names = stems(others);
  std::vector<std::string> texts;
  for (size_t i = 0; i < std::min(lone.size(), kExamples); ++i) {
    const std::string nearest = closest_stem(lone[i].stem(), names);
    texts.push_back(short_path(e, lone[i]) + (nearest.empty() ? "" : fmt::format(" (nearest name: {})", nearest)));
  }
  return texts;
}

// Files below --data with the stem of a lone mask and an ending that is not read: the pictures are there, as TIFF, say.
std::string other_ending(const Examination& e, const std::vector<fs::path>& lone_masks) {
  static const std::set<std::string> endings = {".tif", ".tiff", ".gif",  ".webp", ".heic", ".jp2",  ".ppm", ".pgm",
                                                ".npy", ".TIF",  ".TIFF", ".GIF",  ".WEBP", ".HEIC", ".JP2"};
  const std::vector<std::string> names = stems(lone_masks);
  const std::set<std::string> wanted(names.begin(), names.end());
  constexpr int kLooked = 100'000;
  int looked = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator at(e.data, error), end; !error && at != end && looked < kLooked;
       at.increment(error), ++looked)
    if (endings.contains(at->path().extension()) && wanted.contains(at->path().stem())) return at->path();
  return "";
}

void add_lone(const Examination& e, const SplitExamination& split, std::vector<Finding>& findings) {
  const auto& images = split.files.images_without_label;
  const auto& masks = split.files.labels_without_image;
  const std::string by_name = remedy_for_names(diagnose_names({stems(images), stems(masks)}));
  if (!images.empty())
    findings.push_back({Severity::error, "missing-masks",
                        fmt::format("{} of {} no mask", counted(static_cast<int64_t>(images.size()), "picture"),
                                    split.name + (images.size() == 1 ? " has" : " have")),
                        by_name.empty() ? "Add the masks, or remove these pictures" : by_name,
                        static_cast<int64_t>(images.size()), with_nearest(e, images, masks)});
  if (masks.empty() || (!by_name.empty() && !images.empty())) return;  // one cause, one finding
  const std::string other = images.empty() ? other_ending(e, masks) : "";
  std::string remedy = "Add the pictures, or remove these masks";
  if (!other.empty())
    remedy = fmt::format("{} is there, but pictures are read as JPEG, PNG and BMP: mogrify -format png {}/*{}", other,
                         fs::path(other).parent_path().string(), fs::path(other).extension().string());
  findings.push_back({Severity::error, "missing-pictures",
                      fmt::format("{} of {} no picture", counted(static_cast<int64_t>(masks.size()), "mask"),
                                  split.name + (masks.size() == 1 ? " has" : " have")),
                      remedy, static_cast<int64_t>(masks.size()), with_nearest(e, masks, images)});
}

// Errors of files, the first few named with their reason: one finding a kind of reason would hide which file has which.
void add_unreadable(const Examination& e, std::vector<Finding>& findings) {
  const auto add = [&](const char* code, const char* kind, auto facts_of, auto file_of, const std::string& remedy) {
    Finding finding{Severity::error, code, "", remedy, 0, {}};
    for (const SplitExamination& split : e.splits)
      for (size_t i = 0; i < split.survey.pairs.size(); ++i) {
        const auto& facts = facts_of(split.survey.pairs[i]);
        if (facts.error.empty()) continue;
        ++finding.count;
        if (finding.examples.size() >= kExamples) continue;
        std::string reason = facts.error;  // "read_image: FILE: is truncated. Remedy."
        const std::string file = file_of(split.files.pairs[i]).string();
        if (const size_t at = reason.find(file + ": "); at != std::string::npos) reason = reason.substr(at + file.size() + 2);
        reason = reason.substr(0, reason.find(". "));
        const data::PictureKind by_content = facts.header.kind;
        if (by_content == data::PictureKind::tiff || by_content == data::PictureKind::gif ||
            by_content == data::PictureKind::webp || by_content == data::PictureKind::psd)
          reason = fmt::format("a {} file by its content: mogrify -format png", data::to_string(by_content));
        finding.examples.push_back(fmt::format("{} ({})", short_path(e, file), reason));
      }
    if (finding.count == 0) return;
    finding.what = fmt::format("{} cannot be read", counted(finding.count, kind));
    findings.push_back(finding);
  };
  add(
      "unreadable-pictures", "picture", [](const PairFacts& f) -> const auto& { return f.image; },
      [](const data::Pair& pair) { return pair.image; }, "Copy them again, or remove them with their masks");
  add(
      "unreadable-masks", "mask", [](const PairFacts& f) -> const auto& { return f.mask; },
      [](const data::Pair& pair) { return pair.label; }, "Copy or export them again, or remove them with their pictures");
}

void add_sizes(const Examination& e, std::vector<Finding>& findings) {
  const auto differs = [](const PairFacts& f) {
    return f.image.read && f.mask.read && (f.image.height != f.mask.height || f.image.width != f.mask.width);
  };
  Finding finding{
      Severity::error, "size-mismatch", "", "Scale the masks to their pictures' sizes with nearest neighbours", 0, {}};
  int64_t turned = 0;
  std::string example;
  for (const SplitExamination& split : e.splits)
    for (size_t i = 0; i < split.survey.pairs.size(); ++i) {
      const PairFacts& facts = split.survey.pairs[i];
      if (!differs(facts)) continue;
      ++finding.count;
      turned += facts.image.height == facts.mask.width && facts.image.width == facts.mask.height;
      if (finding.examples.size() < kExamples)
        finding.examples.push_back(fmt::format("{} ({}x{}, its picture {}x{})", short_path(e, split.files.pairs[i].label),
                                               facts.mask.width, facts.mask.height, facts.image.width, facts.image.height));
      if (example.empty())
        example = fmt::format("mogrify -filter point -resize {}x{}! {}", facts.image.width, facts.image.height,
                              split.files.pairs[i].label.string());
    }
  if (finding.count == 0) return;
  finding.what = fmt::format("{} another size than {}", counted(finding.count, "mask has", "masks have"),
                             finding.count == 1 ? "its picture" : "their pictures");
  finding.remedy += ": " + example;
  if (turned == finding.count)
    finding.remedy =
        "They are turned by 90 degrees: the pictures were turned by their camera's orientation tag when the masks were "
        "drawn; turn them for good: mogrify -auto-orient on the pictures";
  findings.push_back(finding);
}

template <class Wanted> void add_note(const Examination& e, std::vector<Finding>& findings, Severity severity, const char* code,
                                      const char* one, const char* many, const char* remedy, const Wanted& wanted) {
  const Matches matches = find_pairs(e, wanted);
  if (matches.count > 0)
    findings.push_back({severity, code, counted(matches.count, one, many), remedy, matches.count, matches.images});
}

void add_picture_notes(const Examination& e, std::vector<Finding>& findings) {
  add_note(e, findings, Severity::warning, "camera-orientation",
           "picture has a camera's orientation tag, which is not applied: it is read as stored",
           "pictures have a camera's orientation tag, which is not applied: they are read as stored",
           "If they lie on their side in the contact sheet, turn them and their masks for good: mogrify -auto-orient",
           [](const PairFacts& f) { return f.image.header.exif_orientation > 1; });
  add_note(e, findings, Severity::note, "alpha-pictures", "picture has an alpha channel: what it makes transparent shows white",
           "pictures have an alpha channel: what it makes transparent shows white",
           "Nothing to do, unless what is transparent must not be seen", [](const PairFacts& f) { return f.image.header.alpha; });
  add_note(e, findings, Severity::note, "deep-pictures", "picture has 16 bits a channel, of which the upper 8 are read",
           "pictures have 16 bits a channel, of which the upper 8 are read",
           "If they look black, stretch them: mogrify -auto-level", [](const PairFacts& f) { return f.image.header.bits == 16; });
  add_note(e, findings, Severity::note, "grey-pictures", "picture is grey; it becomes three equal channels",
           "pictures are grey; they become three equal channels", "Nothing to do",
           [](const PairFacts& f) { return f.image.grey; });
}

}  // namespace

std::vector<Finding> pairing_findings(const Examination& examination) {
  std::vector<Finding> findings;
  for (const SplitExamination& split : examination.splits) add_lone(examination, split, findings);
  return findings;
}

std::vector<Finding> file_findings(const Examination& examination) {
  std::vector<Finding> findings;
  add_unreadable(examination, findings);
  add_sizes(examination, findings);
  add_picture_notes(examination, findings);
  return findings;
}

}  // namespace tessera::tools
