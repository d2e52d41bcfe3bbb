#include "data/words.h"

namespace cambium::data {

void add_words(Sha256& sum, const std::vector<std::string>& captions,
               const std::vector<std::vector<std::string>>& extra) {
  for (const std::string& caption : captions) sum.update('\0' + caption);
  for (const auto& texts : extra) {
    sum.update("\1");
    for (const std::string& text : texts) sum.update('\0' + text);
  }
  sum.update("\n");
}

}  // namespace cambium::data
