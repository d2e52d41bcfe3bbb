#pragma once
// The texts that a PNG carries: what PngOptions::text wrote, and other programs' own.
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cambium::io {

// Keyword and text of every uncompressed tEXt and iTXt chunk, in file order; compressed ones are passed over. tEXt is
// Latin-1 by the standard and handed out as UTF-8. Pixels are not looked at. Error: not a PNG, cut short.
std::vector<std::pair<std::string, std::string>> read_png_text(const std::filesystem::path& path);
std::vector<std::pair<std::string, std::string>> parse_png_text(std::string_view bytes, const std::string& source);

}  // namespace cambium::io
