// clip_tokenizer: ids of texts, what cleaning makes of them, and whether fix_text alters them.
#include <ATen/core/Tensor.h>

#include <array>

#include "models/clip/fix_text/fix_text.h"
#include "models/clip/text_transformer.h"
#include "models/clip/tokenizer.h"
#include "models/clip/unicode.h"
#include "parity/kinds/kinds.h"

namespace cambium::parity {

Results check_clip_tokenizer(const Golden& golden) {
  const clip::Tokenizer tokenizer;
  Json cases = Json::array();
  for (const Json& entry : golden.config.at("cases")) {
    const auto text = entry.at("text").get<std::string>();
    const std::u32string points = clip::decode_utf8(text);
    const std::vector<int32_t> ids = tokenizer.encode(text);
    const at::Tensor kept = clip::pad_tokens(std::array{ids}, 77).contiguous();
    const int64_t* first = kept.const_data_ptr<int64_t>();
    cases.push_back({{"ids", ids},
                     {"ids_truncated_77", std::vector<int64_t>(first, first + kept.numel())},
                     {"n", ids.size()},
                     {"cleaned", tokenizer.clean(text)},
                     {"ftfy_changed", clip::fix_text::fix_text(points) != points}});
  }
  Results results;
  results.json["cases"] = std::move(cases);
  return results;
}

}  // namespace cambium::parity
