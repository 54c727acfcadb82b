// What somebody probably meant to type.
#pragma once

#include <string>
#include <vector>

namespace tessera::tools {

// The name with the fewest edits (a letter put in, left out or replaced, or two neighbours exchanged; "_" counts as "-"), if they
// are at most one for each three letters of the text; empty if no name is that near.
std::string nearest_name(const std::string& text, const std::vector<std::string>& names);

// " (Did you mean NAME?)" with `prefix` before the name, or nothing.
std::string did_you_mean(const std::string& text, const std::vector<std::string>& names, const std::string& prefix = "");

}  // namespace tessera::tools
