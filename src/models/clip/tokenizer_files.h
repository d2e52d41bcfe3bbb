#pragma once
#include <filesystem>
#include <string>

namespace cambium::clip {

// CLIP's vocabulary as transformers' CLIPTokenizer reads it: vocab.json, merges.txt, tokenizer_config.json and
// special_tokens_map.json. `pad` is the word that pads; empty for the end of text.
void write_hugging_face_tokenizer(const std::filesystem::path& folder, const std::string& pad);

}  // namespace cambium::clip
