// .npy, NumPy's file of one array.
//
//     6 bytes       \x93NUMPY
//     2 bytes       version: 1.0, 2.0 or 3.0
//     2 or 4 bytes  length of the header, little-endian; 2 in version 1.0
//     the header    {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }  filled up with spaces and a line's end
//     the rest      the elements; with fortran_order the first index runs fastest
//
// Read: f8, f4, f2, i8, i4, u1, b1, of either byte order. Source: numpy/lib/format.py.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <span>
#include <string>

#include "core/tensor.h"

namespace tessera {

// Every number of the header is checked against the file's size before memory is taken. An array in Fortran order keeps it, in
// its strides. Throws FileError, "FILE: problem".
Tensor load_npy(const std::string& path);
Tensor load_npy(std::span<const uint8_t> bytes, const std::string& name);

bool is_npy(std::span<const uint8_t> bytes);

// Writes version 1.0, row-major and little-endian, atomically. Throws ValueError for bfloat16, which NumPy does not know, and
// FileError if the file cannot be written.
void save_npy(const std::string& path, const Tensor& tensor);
void save_npy(std::ostream& stream, const Tensor& tensor);

}  // namespace tessera
