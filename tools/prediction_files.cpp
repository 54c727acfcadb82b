#include "tools/prediction_files.h"

#include <cctype>
#include <cmath>
#include <map>
#include <set>

#include "nn/serialize/npy.h"
#include "tools/figure.h"
#include "tools/input_files.h"

namespace tessera::tools {
namespace {

namespace fs = std::filesystem;

std::string name_in_file(std::string name) {
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-') c = '_';
  return name;
}

fs::path with_ending(const fs::path& picture, const PredictionOutputs& outputs, const std::string& ending) {
  return outputs.folder / (picture.stem().string() + ending);
}

fs::path probability_file(const fs::path& picture, const PredictionOutputs& outputs, const std::string& class_name) {
  return with_ending(picture, outputs, "_" + name_in_file(class_name) + ".png");
}

void write_probabilities(const Tensor& p, const fs::path& picture, const PredictionOutputs& outputs,
                         const std::vector<std::string>& class_names) {
  if (outputs.probabilities == Probabilities::npy)
    return save_npy(with_ending(picture, outputs, "_probabilities.npy").string(), p);
  std::vector<uint16_t> samples(p.size(1) * p.size(2));
  for (size_t c = 0; c < class_names.size(); ++c) {
    const float* values = p.data_ptr<float>() + c * samples.size();
    for (size_t i = 0; i < samples.size(); ++i) samples[i] = static_cast<uint16_t>(std::lround(values[i] * 65535.0f));
    data::write_gray16_png(probability_file(picture, outputs, class_names[c]), static_cast<int>(p.size(1)),
                           static_cast<int>(p.size(2)), samples);
  }
}

// The true classes, if they are there, can be read and are of the picture's size. A folder that the user named must be right; one
// that was found beside the picture may be anything.
std::optional<data::Label> truth_of(const data::Image& picture, const fs::path& file, const fs::path& folder) {
  const std::optional<fs::path> found = find_truth(file, folder);
  if (!found) return std::nullopt;
  try {
    data::Label truth = data::read_label(*found);
    check<FileError>(truth.height == picture.height && truth.width == picture.width,
                     "predict: {} is {}x{} and its picture {}x{}. They must be of one size.", found->string(), truth.width,
                     truth.height, picture.width, picture.height);
    return truth;
  } catch (const FileError&) {
    if (!folder.empty()) throw;
    return std::nullopt;
  }
}

}  // namespace

std::vector<fs::path> prediction_files(const fs::path& picture, const PredictionOutputs& outputs,
                                       const std::vector<std::string>& class_names) {
  std::vector<fs::path> files = {with_ending(picture, outputs, ".png")};
  if (outputs.overlay) files.push_back(with_ending(picture, outputs, "_overlay.png"));
  if (outputs.figure) files.push_back(with_ending(picture, outputs, "_figure.png"));
  if (outputs.probabilities == Probabilities::npy) files.push_back(with_ending(picture, outputs, "_probabilities.npy"));
  if (outputs.probabilities == Probabilities::png)
    for (const std::string& name : class_names) files.push_back(probability_file(picture, outputs, name));
  return files;
}

void check_no_overwriting(const std::vector<fs::path>& pictures, const PredictionOutputs& outputs,
                          const std::vector<std::string>& class_names) {
  std::set<fs::path> inputs;
  for (const fs::path& picture : pictures) inputs.insert(fs::weakly_canonical(picture));
  std::map<fs::path, fs::path> written;  // and the picture that each file belongs to
  for (const fs::path& picture : pictures) {
    for (const fs::path& file : prediction_files(picture, outputs, class_names)) {
      const fs::path path = fs::weakly_canonical(file);
      check<FileError>(!inputs.contains(path), "predict: {}: {} would overwrite an input. Choose another --output.",
                       picture.string(), file.string());
      const auto [it, is_new] = written.emplace(path, picture);
      check<FileError>(is_new, "predict: {} and {} would both be written as {}. Predict them into different folders.",
                       it->second.string(), picture.string(), file.string());
    }
  }
}

void write_prediction(const Predictor& predictor, const data::Image& picture, const fs::path& file,
                      const PredictionOutputs& outputs) {
  const data::ClassInfo& classes = predictor.classes();
  Tensor p;
  const bool maps = outputs.probabilities != Probabilities::none;
  const data::Label label = maps ? predictor.predict(picture, p) : predictor.predict(picture);
  data::write_indexed_png(with_ending(file, outputs, ".png"), label, classes.palette);
  if (outputs.overlay)
    data::write_png(with_ending(file, outputs, "_overlay.png"), data::overlay(picture, label, classes.palette, *outputs.overlay));
  if (outputs.figure)
    data::write_png(with_ending(file, outputs, "_figure.png"),
                    prediction_figure(picture, truth_of(picture, file, outputs.truth), label, classes));
  if (maps) write_probabilities(p, file, outputs, classes.names);
}

}  // namespace tessera::tools
