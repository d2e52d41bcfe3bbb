#pragma once
// Towers of CLIP as golden files describe them: by transformers' configurations, filled by transformers' names.
#include <memory>
#include <string>

#include "io/state_dict.h"
#include "models/clip/text_transformer.h"
#include "models/clip/vision_transformer.h"
#include "parity/golden.h"

namespace cambium::parity {

// Fills a tower by the names that it has in transformers' files. `part` is the tower's place in a canonical state dict:
// "textual." or "visual.".
void fill_tower(torch::nn::Module& tower, const std::string& part);

// The gradients of the tower's parameters by those names; zeros where there is none.
io::StateDict tower_gradients(const torch::nn::Module& tower, const std::string& part);

// A CLIPTextConfig (keys that are none of its are ignored) as a filled tower.
std::shared_ptr<clip::TextTransformer> filled_text_tower(const Json& config);

}  // namespace cambium::parity
