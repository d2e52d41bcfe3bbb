#include "models/latent_diffusion/text_encoder.h"

#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/where.h>

#include <algorithm>

#include "core/error.h"
#include "core/log.h"
#include "models/latent_diffusion/prompt_weights.h"

namespace cambium::latent_diffusion {
namespace {

constexpr double kSmallestMean = 1e-3;  // beside the mean of absolutes; CLIP's are about a tenth

// A prompt's tokens without start and end, each with its weight.
struct Sequence {
  std::vector<int64_t> ids;
  std::vector<float> weights;
};

Sequence encode_prompt(const clip::Tokenizer& tokenizer, const std::string& prompt, bool weights) {
  Sequence sequence;
  const auto pieces = weights ? parse_prompt(prompt) : std::vector<WeightedText>{{.text = prompt}};
  for (const WeightedText& piece : pieces) {
    const std::vector<int32_t> ids = tokenizer.encode(piece.text);
    sequence.ids.insert(sequence.ids.end(), ids.begin() + 1, ids.end() - 1);
    sequence.weights.resize(sequence.ids.size(), static_cast<float>(piece.weight));
  }
  return sequence;
}

std::vector<Sequence> encode_prompts(const clip::Tokenizer& tokenizer, std::span<const std::string> prompts,
                                     bool weights) {
  std::vector<Sequence> sequences;
  for (const std::string& prompt : prompts) sequences.push_back(encode_prompt(tokenizer, prompt, weights));
  return sequences;
}

// How many parts the longest sequence needs; an empty prompt has one.
int64_t count_parts(const std::vector<Sequence>& sequences, int64_t room) {
  int64_t parts = 1, longest = 0;
  for (const Sequence& sequence : sequences) {
    const auto tokens = static_cast<int64_t>(sequence.ids.size());
    longest = std::max(longest, tokens);
    parts = std::max(parts, (tokens + room - 1) / room);
  }
  if (parts > 1) {
    log::warn_once("a prompt of " + std::to_string(longest) + " tokens is longer than the " + std::to_string(room) +
                   " that the text encoder reads: it is read in " + std::to_string(parts) + " parts");
  }
  return parts;
}

}  // namespace

TextEncoder::TextEncoder(std::shared_ptr<clip::TextTransformer> tower, int32_t pad, c10::ScalarType dtype)
    : tower_(std::move(tower)), pad_(pad), dtype_(dtype) {}

TextEncoder TextEncoder::open(const Weights& weights, const Compute& compute) {
  auto tower = open_text(weights, compute);
  return TextEncoder(std::move(tower), weights.text->pad, compute.compute_dtype);
}

PromptTokens TextEncoder::tokenize(std::span<const std::string> prompts, bool weights) const {
  if (prompts.empty()) throw UsageError({.what = "there is no prompt", .field = "prompt", .mend = "give one or more"});
  const std::vector<Sequence> sequences = encode_prompts(tokenizer_, prompts, weights);
  const int64_t room = context() - 2, parts = count_parts(sequences, room),
                batch = static_cast<int64_t>(sequences.size());
  PromptTokens out{.ids = at::full({batch, parts, context()}, pad_, at::kLong),
                   .weights = at::ones({batch, parts, context()}, at::kFloat)};
  auto* ids = out.ids.mutable_data_ptr<int64_t>();
  auto* factors = out.weights.mutable_data_ptr<float>();
  bool weighted = false;
  for (const Sequence& sequence : sequences) {
    for (int64_t part = 0; part < parts; ++part, ids += context(), factors += context()) {
      const auto total = static_cast<int64_t>(sequence.ids.size()), begin = std::min(total, part * room),
                 count = std::min(room, total - begin);
      ids[0] = clip::Tokenizer::kStart;
      std::copy_n(sequence.ids.begin() + begin, count, ids + 1);
      ids[count + 1] = clip::Tokenizer::kEnd;
      std::copy_n(sequence.weights.begin() + begin, count, factors + 1);
    }
    weighted =
        weighted || std::any_of(sequence.weights.begin(), sequence.weights.end(), [](float w) { return w != 1; });
  }
  if (!weighted) out.weights.reset();
  return out;
}

at::Tensor TextEncoder::run(const at::Tensor& ids, int64_t clip_skip) const {
  if (clip_skip == 1) return tower_->forward_tokens(ids, dtype_);
  const auto states = tower_->hidden_states(ids, dtype_);
  return tower_->final_norm(states[states.size() - static_cast<size_t>(clip_skip)]);
}

at::Tensor TextEncoder::encode(std::span<const std::string> prompts, const PromptOptions& options) const {
  const int64_t layers = tower_->options().layers;
  if (options.clip_skip < 1 || options.clip_skip > layers) {
    throw UsageError({.what = "clip skip " + std::to_string(options.clip_skip) + " of a text encoder with " +
                              std::to_string(layers) + " blocks",
                      .field = "clip_skip",
                      .mend = "give 1 (the last block) to " + std::to_string(layers)});
  }
  const PromptTokens tokens = tokenize(prompts, options.weights);
  const int64_t batch = tokens.ids.size(0);
  const c10::Device device = tower_->parameters().front().device();
  const at::Tensor ids = tokens.ids.flatten(0, 1).to(device);      // [B * parts, T]
  at::Tensor states = run(ids, options.clip_skip).to(at::kFloat);  // [B * parts, T, W]
  if (tokens.weights.defined()) states = weigh(states, tokens.weights.flatten(0, 1).to(device));
  return states.reshape({batch, -1, width()});  // [B, parts * T, W]
}

at::Tensor weigh(const at::Tensor& embeddings, const at::Tensor& weights) {
  const at::Tensor weighted = embeddings * weights.unsqueeze(2);  // [N, T, W]
  const auto mean = [](const at::Tensor& x) { return x.mean({1, 2}, /*keepdim=*/true); };
  const at::Tensor before = mean(embeddings), after = mean(weighted);
  // A mean that is rounding and no more cannot be brought back.
  const at::Tensor none = after.abs() <= kSmallestMean * mean(weighted.abs());
  return weighted * at::where(none, at::ones_like(after), before / after);
}

}  // namespace cambium::latent_diffusion
