#pragma once
// A trained model on a user's own pictures and words.
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "systems/meru/embedder.h"

namespace cambium::systems::meru {

// Lines of a text file without blanks at the ends; empty lines and those that begin with # are left out.
std::vector<std::string> read_lines(const std::filesystem::path& file);

// The embedding, or the image tower's features before the projection (linear probes).
enum class Features { embedding, tower };

struct FileEmbeddings {
  std::vector<std::string> files;    // those that could be read
  at::Tensor embeddings;             // [N, E] float32
  std::vector<std::string> skipped;  // one sentence each
};
// Embeds picture files with progress; `threads` decode ahead. A file that is no picture is skipped with a warning
// (with `strict`, an Error).
// `report`, if given, is told the number of files done instead of showing progress here.
FileEmbeddings embed_files(const Embedder& embedder, const std::vector<std::filesystem::path>& files, Preprocess how,
                           bool strict, int64_t threads, const std::function<void(int64_t)>& report = {},
                           Features features = Features::embedding);

struct ClassScore {
  std::string name;
  double score = 0;        // inner product (MERU: Lorentzian) or cosine
  double probability = 0;  // softmax over the classes with the model's own temperature
};
// The best `top` classes for each embedding, best first.
std::vector<std::vector<ClassScore>> classify(const Embedder& embedder, const at::Tensor& pictures,
                                              const std::vector<std::string>& names, const at::Tensor& classes,
                                              int64_t top);

}  // namespace cambium::systems::meru
