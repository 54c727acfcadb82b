// MATLAB files (version 5, not compressed), written by hand from the format's description, so that tests can also damage them.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace tessera::data {

enum MatType : uint32_t { kMatInt8 = 1, kMatUInt8 = 2, kMatInt32 = 5, kMatUInt32 = 6, kMatDouble = 9, kMatMatrix = 14 };
enum MatClass : uint32_t { kMatStruct = 2, kMatClassDouble = 6, kMatClassUInt8 = 9 };

// Type, length and data, filled up to a multiple of 8 bytes.
inline std::string mat_element(MatType type, const std::string& data) {
  const uint32_t tag[2] = {type, static_cast<uint32_t>(data.size())};
  std::string element(reinterpret_cast<const char*>(tag), sizeof tag);
  element += data;
  element.resize((element.size() + 7) / 8 * 8);
  return element;
}
template <class T> std::string mat_element(MatType type, const std::vector<T>& values) {
  return mat_element(type, std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)));
}

inline std::string mat_start(MatClass kind, const std::string& name, int32_t rows, int32_t columns) {
  return mat_element(kMatUInt32, std::vector<uint32_t>{kind, 0}) + mat_element(kMatInt32, std::vector<int32_t>{rows, columns}) +
         mat_element(kMatInt8, name);
}

// A matrix of rows x columns, given column by column.
inline std::string mat_bytes(const std::string& name, int32_t rows, int32_t columns, const std::vector<uint8_t>& values) {
  return mat_element(kMatMatrix, mat_start(kMatClassUInt8, name, rows, columns) + mat_element(kMatUInt8, values));
}
inline std::string mat_doubles(const std::string& name, int32_t rows, int32_t columns, const std::vector<double>& values) {
  return mat_element(kMatMatrix, mat_start(kMatClassDouble, name, rows, columns) + mat_element(kMatDouble, values));
}
// A struct of one element with two fields, whose matrices have no names.
inline std::string mat_struct(const std::string& name, const std::string& field, const std::string& matrix,
                              const std::string& other_field, const std::string& other_matrix) {
  std::string names = field;
  names.resize(32);
  names += other_field;
  names.resize(64);
  const uint32_t name_length[2] = {4 << 16 | kMatInt32, 32};  // an element of 4 bytes is written into its tag
  return mat_element(kMatMatrix, mat_start(kMatStruct, name, 1, 1) +
                                     std::string(reinterpret_cast<const char*>(name_length), sizeof name_length) +
                                     mat_element(kMatInt8, names) + matrix + other_matrix);
}

inline std::string mat_file(const std::string& variables) {
  std::string header = "MATLAB 5.0 MAT-file, written by a test";
  header.resize(124, ' ');
  return header + std::string("\0\1IM", 4) + variables;
}

}  // namespace tessera::data
