#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace cambium::io {

// Files as named, and the pictures below folders (by extension, hidden ones left out), sorted within each folder.
// Error naming what does not exist, or a folder without pictures.
std::vector<std::filesystem::path> picture_files(const std::vector<std::string>& paths);

}  // namespace cambium::io
