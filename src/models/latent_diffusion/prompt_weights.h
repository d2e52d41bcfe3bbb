#pragma once
// Weighted prompts, in the notation that users of Stable Diffusion know.
#include <string>
#include <string_view>
#include <vector>

namespace cambium::latent_diffusion {

struct WeightedText {
  std::string text;
  double weight = 1;

  bool operator==(const WeightedText&) const = default;
};

// "(words:1.3)" weighs by 1.3, "(words)" by 1.1, "[words]" by 1/1.1; they nest and multiply. "\(", "\)", "\[", "\]" and
// "\\" are the signs themselves. What is opened and not closed counts up to the end; what closes nothing is text.
// Neighbours of one weight are joined; an empty prompt is one empty text.
std::vector<WeightedText> parse_prompt(std::string_view prompt);

}  // namespace cambium::latent_diffusion
