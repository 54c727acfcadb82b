// All of Tessera's public interface: #include <tessera/tessera.h>, link tessera::tessera.
#pragma once

#include "core/archive.h"
#include "core/autograd.h"
#include "core/cuda.h"
#include "core/format.h"
#include "core/function.h"
#include "core/gradcheck.h"
#include "core/indexing.h"
#include "core/kernel_table.h"
#include "core/ops.h"
#include "core/precision.h"
#include "core/random.h"
#include "core/type_promotion.h"
#include "data/data.h"
#include "models/registry.h"
#include "models/unet.h"
#include "nn/nn.h"
