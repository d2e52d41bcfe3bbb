#pragma once
// Name patterns: * stands for any run of characters, dots included; every other character for itself.
#include <string>
#include <string_view>
#include <vector>

namespace cambium {

bool glob_matches(std::string_view pattern, std::string_view name);
bool glob_matches_any(const std::vector<std::string>& patterns, std::string_view name);

}  // namespace cambium
