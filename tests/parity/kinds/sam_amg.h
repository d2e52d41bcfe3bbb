#pragma once
// Automatic masks as golden files describe them.
#include <vector>

#include "models/sam/automatic_masks.h"
#include "parity/golden.h"

namespace cambium::parity {

// The keyword arguments of SamAutomaticMaskGenerator.
sam::AutomaticMaskOptions automatic_mask_options(const Json& kwargs);

// {n, records}; counts are null unless asked for.
Json records_of(const std::vector<sam::MaskRecord>& records, bool counts);

}  // namespace cambium::parity
