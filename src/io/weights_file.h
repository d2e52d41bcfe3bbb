#pragma once
// Opens weights by path, whatever they are: the container is told by the content, never by the file's name.
#include <filesystem>
#include <string_view>
#include <vector>

#include "io/state_dict.h"

namespace cambium::io {

enum class WeightsContainer { safetensors, pth };

// Which of the containers a file is. Errors name what else it is: empty, a git-LFS pointer, a web page saved in the
// file's place, another framework's format.
WeightsContainer sniff_weights(const std::filesystem::path& file);

// The files that hold the weights at `path`: the file itself, or of a folder in Hugging Face's layout
// model.safetensors, the shards of its index, pytorch_model.bin, or open_clip's names for these; else the folder's only
// weights file. A folder of Hugging Face's cache is followed to its snapshot. Errors: nothing there, a download that
// was not finished, several files to choose from.
std::vector<std::filesystem::path> find_weights(const std::filesystem::path& path);

// models--openai--clip-vit-base-patch32/{blobs,refs,snapshots}, Hugging Face's cache of one model, to the folder of its
// snapshot: refs/main's, else the only one. Any other path as it is. Errors: nothing at the path, several snapshots.
std::filesystem::path follow_snapshot(const std::filesystem::path& path);

// The tensors of a file or folder, mapped, not copied (safetensors.h, pth.h). `key` chooses among the values of a .pth
// file, as PthFile::state_dict says. Errors as above and as the containers' readers say; shards that hold one name
// twice, or lack a tensor that their index lists.
StateDict load_weights(const std::filesystem::path& path, std::string_view key = {});

}  // namespace cambium::io
