#pragma once
// The words of a sample in a dataset's fingerprint.
#include <string>
#include <vector>

#include "core/sha256.h"

namespace cambium::data {

// Adds a sample's captions and further texts (Sample::captions, Sample::extra).
void add_words(Sha256& sum, const std::vector<std::string>& captions,
               const std::vector<std::vector<std::string>>& extra);

}  // namespace cambium::data
