// Data sets of any kind, transforms, samplers and loaders, as a program for libtorch uses them. The data sets of pictures with
// label maps, which `tessera train` uses, are not among them: include data/open_dataset.h, data/loader.h and so on by name.
#pragma once

#include "data/data_loader.h"
#include "data/datasets.h"
#include "data/example_transforms.h"
#include "data/samplers.h"
