#pragma once
// Names of tensors with the number of a block left open: "blocks.{i}.norm1.weight". Tables that translate between
// public layouts of a checkpoint are written in them.
#include <string>
#include <string_view>
#include <utility>

namespace cambium::io {

inline constexpr std::string_view kIndex = "{i}";

// A name with its first all-digit segment replaced by {i}, and that number: "a.12.b" -> "a.{i}.b", "12". Without one,
// the name itself and "".
std::pair<std::string, std::string> split_index(const std::string& name);

// `text` with the first `what` in it replaced.
std::string replace_first(std::string_view text, std::string_view what, std::string_view by);

}  // namespace cambium::io
