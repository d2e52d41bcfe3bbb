#pragma once
// The words shown to the model for one sample: one of its captions, sometimes with its subreddit before it.
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/random.h"
#include "data/sample.h"

namespace cambium::data {

// Subreddit names as words: "itookapicture" -> "i took a picture". MERU uses wordsegment with 10 MB of word counts; a
// table of RedCaps' 350 names (assets/redcaps_subreddits.tsv) gives the same words for them.
class SubredditWords {
 public:
  // Lines "name<TAB>words"; empty lines and those that begin with # are passed over. Error, naming the line, for
  // another shape or for text that is not UTF-8.
  explicit SubredditWords(const std::filesystem::path& table);

  // Case does not matter. A name that is not in the table is split at capitals, digits and punctuation:
  // "EarthPorn_2" -> "earth porn 2".
  std::string words(std::string_view subreddit) const;

 private:
  std::unordered_map<std::string, std::string> words_;
};

// One of the captions (drawn where there are several), and with the given probability "<subreddit's words> : " before
// it, as RedCaps models are trained (MERU's mapper; probability 0.5 there). `subreddits` may be null: no prefix. Where
// the sample has extra fields, a field is drawn first: `field_weights` are those of the captions and of each extra
// field (empty: equal); fields without a text are left out.
// The number of draws depends on the sample alone. Precondition: the sample has a caption.
std::string draw_caption(const Sample& sample, const SubredditWords* subreddits, double prefix_probability, Rng& rng,
                         std::span<const double> field_weights = {});

}  // namespace cambium::data
