#include "kernels/scratch.h"

#include <cstdlib>
#include <new>
#include <utility>
#include <vector>

namespace tessera::kernels {
namespace {

// Blocks that this thread has freed, kept for its next request of at most their size.
struct FreeList {
  std::vector<std::pair<size_t, void*>> blocks;
  ~FreeList() {
    for (auto& [bytes, data] : blocks) std::free(data);
  }
};
thread_local FreeList free_list;

}  // namespace

ScratchBlock::ScratchBlock(size_t bytes) : bytes_((bytes + 4095) / 4096 * 4096) {
  auto& blocks = free_list.blocks;
  size_t best = blocks.size();  // the smallest free block that is large enough
  for (size_t i = 0; i < blocks.size(); ++i)
    if (blocks[i].first >= bytes_ && (best == blocks.size() || blocks[i].first < blocks[best].first)) best = i;
  if (best < blocks.size()) {
    bytes_ = blocks[best].first;
    data_ = blocks[best].second;
    blocks[best] = blocks.back();
    blocks.pop_back();
    return;
  }
  // Too small blocks are given up before a larger one is asked for: otherwise growing sizes would pile up.
  if (blocks.size() >= 8) {
    for (auto& block : blocks) std::free(block.second);
    blocks.clear();
  }
  data_ = std::aligned_alloc(4096, bytes_ == 0 ? 4096 : bytes_);
  if (data_ == nullptr) throw std::bad_alloc();
}

ScratchBlock::~ScratchBlock() { free_list.blocks.emplace_back(bytes_, data_); }

}  // namespace tessera::kernels
