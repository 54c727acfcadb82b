// Label maps from MATLAB files, by libmatio.
#include "data/mat.h"

#include <fmt/format.h>

#include "core/error.h"
#include "data/file.h"

#ifdef TESSERA_MATIO
#include <matio.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>
#endif

namespace tessera::data {
namespace fs = std::filesystem;
namespace {
constexpr char kOperation[] = "read_mat_label";
}

#ifndef TESSERA_MATIO

Label read_mat_label(const fs::path& file, const std::string&) {
  file_error(kOperation, file, "this build reads no MATLAB files", "Build Tessera with libmatio (Debian: libmatio-dev).");
}

#else
namespace {

using File = std::unique_ptr<mat_t, int (*)(mat_t*)>;
using Variable = std::unique_ptr<matvar_t, void (*)(matvar_t*)>;

[[noreturn]] void damaged(const fs::path& file) {
  file_error(kOperation, file, "is truncated or damaged", "Copy it again or remove it from the data set.");
}

bool is_map(const matvar_t& variable) {
  return variable.rank == 2 && variable.dims != nullptr && variable.dims[0] > 0 && variable.dims[1] > 0 &&
         !variable.isComplex && variable.class_type >= MAT_C_DOUBLE && variable.class_type <= MAT_C_UINT64;
}

struct Choice {
  std::string variable, field;  // no field: the variable itself
};

// Which variable holds the labels; `names` of all variables, `maps` of those that can.
Choice choose(const fs::path& file, const std::string& wanted, const std::vector<std::string>& names,
              const std::vector<std::string>& maps) {
  const auto has = [](const std::vector<std::string>& all, std::string_view name) {
    return std::find(all.begin(), all.end(), name) != all.end();
  };
  if (!wanted.empty()) {
    const size_t dot = wanted.find('.');
    if (has(names, wanted.substr(0, dot)))
      return {wanted.substr(0, dot), dot == std::string::npos ? "" : wanted.substr(dot + 1)};
  } else {
    if (has(maps, "groundtruth")) return {"groundtruth", ""};
    if (has(names, "GTcls")) return {"GTcls", "Segmentation"};
    if (maps.size() == 1) return {maps.front(), ""};
  }
  file_error(kOperation, file,
             (wanted.empty() ? std::string("does not say which variable holds the labels")
                             : fmt::format("has no variable {}", wanted)) +
                 fmt::format("; it holds {}", names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "))),
             "Name it with --mat-variable.");
}

// MATLAB stores columns one after the other.
template <class T> Label to_label(const fs::path& file, const matvar_t& variable) {
  const auto height = static_cast<int>(variable.dims[0]), width = static_cast<int>(variable.dims[1]);
  const T* const values = static_cast<const T*>(variable.data);
  Label label(height, width);
  for (int x = 0; x < width; ++x)
    for (int y = 0; y < height; ++y) {
      const T value = values[static_cast<size_t>(x) * height + y];
      const auto id = static_cast<double>(value);
      if (!(id >= -2147483648.0 && id <= 2147483647.0) || id != std::floor(id))
        file_error(kOperation, file, fmt::format("holds {} at row {}, column {}, which is no class id", id, y, x),
                   "Class ids are whole numbers; name another variable with --mat-variable.");
      label.at(y, x) = static_cast<int32_t>(value);
    }
  return label;
}

Label to_label(const fs::path& file, const matvar_t& variable) {
  switch (variable.class_type) {
    case MAT_C_DOUBLE: return to_label<double>(file, variable);
    case MAT_C_SINGLE: return to_label<float>(file, variable);
    case MAT_C_INT8: return to_label<int8_t>(file, variable);
    case MAT_C_UINT8: return to_label<uint8_t>(file, variable);
    case MAT_C_INT16: return to_label<int16_t>(file, variable);
    case MAT_C_UINT16: return to_label<uint16_t>(file, variable);
    case MAT_C_INT32: return to_label<int32_t>(file, variable);
    case MAT_C_UINT32: return to_label<uint32_t>(file, variable);
    case MAT_C_INT64: return to_label<int64_t>(file, variable);
    default: return to_label<uint64_t>(file, variable);
  }
}

// All variables of the file, without their data.
std::vector<Variable> variables_of(mat_t* mat) {
  std::vector<Variable> variables;
  while (matvar_t* variable = Mat_VarReadNextInfo(mat)) variables.emplace_back(variable, &Mat_VarFree);
  return variables;
}

}  // namespace

Label read_mat_label(const fs::path& file, const std::string& wanted) {
  const size_t bytes = read_file(kOperation, file).size();  // with the errors of every other file here
  if (bytes == 0) file_error(kOperation, file, "is empty", "Copy it again or remove it from the data set.");

  static std::mutex mutex;  // libmatio's HDF5 part and its log are not made for threads
  const std::lock_guard lock(mutex);
  Mat_LogInitFunc("tessera", [](int, char*) {});  // what it would print is in our errors
  const File mat(Mat_Open(file.c_str(), MAT_ACC_RDONLY), &Mat_Close);
  if (!mat) file_error(kOperation, file, "is no MATLAB file, or its header is damaged", "Save labels as .mat, or as PNG.");

  const std::vector<Variable> variables = variables_of(mat.get());
  std::vector<std::string> names, maps;
  for (const Variable& variable : variables) {
    names.emplace_back(variable->name != nullptr ? variable->name : "");
    if (is_map(*variable)) maps.push_back(names.back());
  }
  const Choice choice = choose(file, wanted, names, maps);
  const std::string name = choice.variable + (choice.field.empty() ? "" : "." + choice.field);
  matvar_t* variable = variables[std::find(names.begin(), names.end(), choice.variable) - names.begin()].get();
  if (!choice.field.empty())
    variable = variable->class_type == MAT_C_STRUCT ? Mat_VarGetStructFieldByName(variable, choice.field.c_str(), 0) : nullptr;
  if (variable == nullptr || !is_map(*variable))
    file_error(kOperation, file, name + " is no matrix of class ids", "Name another variable with --mat-variable.");
  for (const size_t size : {variable->dims[0], variable->dims[1]})
    if (size > size_t{1} << 28) damaged(file);
  check_declared_size(kOperation, file, static_cast<int64_t>(variable->dims[0]), static_cast<int64_t>(variable->dims[1]), bytes);
  if (Mat_VarReadDataAll(mat.get(), variable) != 0 || variable->data == nullptr) damaged(file);
  if (variable->nbytes < variable->dims[0] * variable->dims[1] * Mat_SizeOfClass(variable->class_type)) damaged(file);
  return to_label(file, *variable);
}

#endif

}  // namespace tessera::data
