#include "systems/meru/apply.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/zeros.h>

#include <atomic>
#include <future>
#include <optional>
#include <sstream>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "core/progress.h"

namespace cambium::systems::meru {
namespace {

constexpr int64_t kBlock = 64;  // pictures decoded while the block before is embedded

// One block of files decoded by several threads; a file that fails leaves its sentence.
struct Block {
  std::vector<at::Tensor> pixels;
  std::vector<std::string> faults;
};

Block decode(const Embedder& embedder, const std::vector<std::filesystem::path>& files, size_t begin, size_t end,
             Preprocess how, int64_t threads) {
  Block block{std::vector<at::Tensor>(end - begin), std::vector<std::string>(end - begin)};
  std::atomic<size_t> next{begin};
  const auto work = [&] {
    for (size_t i = next++; i < end; i = next++) {
      try {
        block.pixels[i - begin] = embedder.preprocess(io::load_image(files[i]), how);
      } catch (const Error& error) {
        block.faults[i - begin] = error.what();
      }
    }
  };
  std::vector<std::future<void>> workers;
  for (int64_t t = 1; t < threads; ++t) workers.push_back(std::async(std::launch::async, work));
  work();
  for (auto& worker : workers) worker.get();
  return block;
}

}  // namespace

std::vector<std::string> read_lines(const std::filesystem::path& file) {
  std::istringstream stream(read_file(file, size_t{1} << 28));
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) {
    const size_t first = line.find_first_not_of(" \t\r"), last = line.find_last_not_of(" \t\r");
    if (first == std::string::npos || line[first] == '#') continue;
    lines.push_back(line.substr(first, last - first + 1));
  }
  if (lines.empty()) throw Error({.what = "holds no lines", .file = file.string(), .mend = "write one entry a line"});
  return lines;
}

FileEmbeddings embed_files(const Embedder& embedder, const std::vector<std::filesystem::path>& files, Preprocess how,
                           bool strict, int64_t threads, const std::function<void(int64_t)>& report,
                           Features features) {
  FileEmbeddings out;
  std::vector<at::Tensor> parts;
  std::optional<Progress> progress;
  if (!report) progress.emplace("embed", static_cast<int64_t>(files.size()), "pictures");
  const auto start = [&](size_t begin) {
    const size_t end = std::min(files.size(), begin + kBlock);
    return std::async(std::launch::async, [&, begin, end] {
      return decode(embedder, files, begin, end, how, std::max<int64_t>(1, threads));
    });
  };
  std::optional<std::future<Block>> ahead;
  if (!files.empty()) ahead = start(0);
  for (size_t begin = 0; begin < files.size(); begin += kBlock) {
    interrupt::check();
    Block block = ahead->get();
    if (begin + kBlock < files.size()) ahead = start(begin + kBlock);
    std::vector<at::Tensor> readable;
    for (size_t i = 0; i < block.pixels.size(); ++i) {
      if (block.faults[i].empty()) {
        readable.push_back(block.pixels[i]);
        out.files.push_back(files[begin + i].string());
        continue;
      }
      if (strict) throw Error({.what = block.faults[i]});
      log::warn("skipped " + block.faults[i]);
      out.skipped.push_back(block.faults[i]);
    }
    if (!readable.empty()) {
      const at::Tensor pixels = at::stack(readable);
      parts.push_back(features == Features::tower ? embedder.tower_features(pixels) : embedder.embed_pixels(pixels));
    }
    const auto done = static_cast<int64_t>(std::min(files.size(), begin + kBlock));
    if (progress) {
      progress->update(done);
    } else {
      report(done);
    }
  }
  if (progress) progress->finish();
  out.embeddings = parts.empty() ? at::zeros({0, embedder.dim()}) : at::cat(parts);
  return out;
}

std::vector<std::vector<ClassScore>> classify(const Embedder& embedder, const at::Tensor& pictures,
                                              const std::vector<std::string>& names, const at::Tensor& classes,
                                              int64_t top) {
  std::vector<std::vector<ClassScore>> out;
  if (pictures.size(0) == 0) return out;
  const at::Tensor scores = embedder.scores(pictures, classes);
  // The probabilities are those of training: MERU's logits are minus the distance, CLIP's the cosine.
  const at::Tensor logits = embedder.hyperbolic() ? -embedder.distances(pictures, classes) : scores;
  const at::Tensor scale = embedder.model()->logit_scale().detach().exp().cpu();
  const at::Tensor probabilities = at::softmax(logits * scale, 1);
  const auto [best, ids] = at::topk(scores, std::min<int64_t>(top, scores.size(1)), 1);
  for (int64_t i = 0; i < ids.size(0); ++i) {
    std::vector<ClassScore> row;
    for (int64_t k = 0; k < ids.size(1); ++k) {
      const int64_t id = ids[i][k].item<int64_t>();
      row.push_back(
          {.name = names[id], .score = best[i][k].item<double>(), .probability = probabilities[i][id].item<double>()});
    }
    out.push_back(std::move(row));
  }
  return out;
}

}  // namespace cambium::systems::meru
