// Why pictures and masks do not find each other: their names compared.
#pragma once

#include <string>
#include <vector>

namespace tessera::tools {

// Pictures and masks that have no partner, by stem (the file's name without its last ending).
struct LoneStems {
  std::vector<std::string> images, masks;
};

// What most of them have in common. The first that holds for at least half of the pictures wins.
struct NameDiagnosis {
  enum class Kind {
    none,           // nothing in common
    mask_suffix,    // the mask's stem is the picture's and `mask_part`
    mask_prefix,    // the mask's stem is `mask_part` and the picture's
    both_suffixes,  // a common beginning, then `image_part` and `mask_part`
    letter_case,    // equal but for capitals
    zero_padding,   // equal but for zeros before numbers: 7 and 007
  };
  Kind kind = Kind::none;
  std::string image_part, mask_part;
  int64_t pairs = 0;  // that it would make
};
NameDiagnosis diagnose_names(const LoneStems& lone);

// The name among `candidates` with the fewest letters to insert, remove or replace (Levenshtein's distance), or "" if more than
// a third of `name` would have to change, or there are none.
std::string closest_stem(const std::string& name, const std::vector<std::string>& candidates);

}  // namespace tessera::tools
