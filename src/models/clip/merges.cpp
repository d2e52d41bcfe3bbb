#include "models/clip/merges.h"

#include <zlib.h>

#include <algorithm>
#include <memory>

#include "core/error.h"
#include "models/clip/bpe.h"

namespace cambium::clip {

std::string read_merges(const std::filesystem::path& path) {
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), &gzclose);
  if (!file) {
    throw Error({.what = "the tokenizer's merges cannot be opened", .file = path.string(), .mend = "check the path"});
  }
  constexpr size_t kChunk = 1 << 16;
  constexpr size_t kMost = 4 << 20;  // twice what the longest plausible merges need: no file fills the memory
  std::string text;
  int64_t lines = 0;
  while (lines <= BytePairEncoder::kMerges && text.size() < kMost) {
    const size_t before = text.size();
    text.resize(before + kChunk);
    const int count = gzread(file.get(), text.data() + before, kChunk);
    if (count < 0) {
      throw Error({.what = "the tokenizer's merges cannot be read, the file is torn or no gzip file",
                   .file = path.string(),
                   .mend = "get bpe_simple_vocab_16e6.txt.gz again"});
    }
    text.resize(before + static_cast<size_t>(count));
    if (count == 0) break;
    lines += std::count(text.begin() + static_cast<int64_t>(before), text.end(), '\n');
  }
  return text;
}

}  // namespace cambium::clip
