// .pth, the files of PyTorch's torch.save.
//
// Since PyTorch 1.6 a zip archive of uncompressed entries:
//     NAME/data.pkl     a pickle; a tensor in it names its storage by a key
//     NAME/data/KEY     a storage's elements
//     NAME/version      "3"
//     NAME/byteorder    "little"; absent in older files, which are little-endian
// Before that, legacy: five pickles (magic number, protocol, the writer's machine, the content, the storages' keys), then each
// storage as the number of its elements (int64) and the elements.
// Before 0.1.10, as in the oldest files of torchvision, a tar archive of four entries:
//     storages   their count; of each a pickle (number, device, type), its size (int64) and its elements; the parts of them
//     tensors    their count; of each a pickle (number, storage, type), its dimensions (int32 and
//                 4 bytes unused), sizes, strides, offset
//     pickle     the content, in which a tensor is its number
//     sys_info   the writer's machine
//
// Source: torch/serialization.py. The pickles are read by pickle.h, which runs nothing of what they say.
#pragma once

#include "nn/serialize/weights.h"

namespace tessera {

// Reads the state dict of a file: a dict of tensors, or that under "state_dict", "model_state_dict", "model" or "net" of a
// checkpoint. The prefixes "module." (DataParallel) and "_orig_mod." (torch.compile) are taken off where all names have them.
// Tensors keep dtype, strides and shared memory; only the storages that the model uses are read. Throws FileError, "FILE:
// problem", for anything else; memory stays below the file's size and what read_pickle takes.
Weights load_pth(const std::string& path);
Weights load_pth(std::span<const uint8_t> bytes, const std::string& name);

// What the first bytes of a file say.
bool is_zip(std::span<const uint8_t> bytes);
bool is_legacy_pth(std::span<const uint8_t> bytes);
bool is_tar(std::span<const uint8_t> bytes);

// Writes a zip archive that torch.load(FILE, weights_only=True) reads as an OrderedDict: the tensors (any device and strides)
// row-major, in the given order, storages aligned to 64 bytes. Tensors of the same memory and shape share their storage in the
// file. Throws ValueError for names that are empty, double or no UTF-8, FileError if the file cannot be written.
void save_pth(const std::string& path, const NamedTensors& tensors);
void save_pth(std::ostream& stream, const NamedTensors& tensors);

}  // namespace tessera
