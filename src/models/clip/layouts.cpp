#include "models/clip/layouts.h"

#include <ATen/ops/cat.h>

#include <array>
#include <optional>
#include <unordered_map>

#include "core/error.h"
#include "io/key_pattern.h"

namespace cambium::clip {
namespace {

constexpr std::string_view kPart = "{qkv}";
constexpr std::array<const char*, 3> kParts = {"q", "k", "v"};

std::span<const KeyRule> table_of(Layout layout) {
  return layout == Layout::openai ? openai_table() : hugging_face_table();
}

// What files of these layouts hold beside the model: sizes, index buffers, masks.
bool is_derived(std::string_view name) {
  for (const std::string_view tail :
       {"input_resolution", "context_length", "vocab_size", "embeddings.position_ids", "attn_mask"}) {
    if (name == tail || name.ends_with("." + std::string(tail))) return true;
  }
  return false;
}

at::Tensor theirs_to_canonical(const at::Tensor& t, Form form) {
  // Another number of dimensions is left for the loader to report by name.
  if (form == Form::leading_one) return t.dim() == 1 ? t.reshape({1, 1, -1}) : t.unsqueeze(0);
  return form == Form::transposed && t.dim() == 2 ? t.t() : t;
}

at::Tensor canonical_to_theirs(const at::Tensor& t, const KeyRule& rule) {
  if (rule.form == Form::leading_one) return rule.canonical.ends_with("cls_token") ? t.reshape({-1}) : t.squeeze(0);
  return rule.form == Form::transposed ? t.t().contiguous() : t;
}

// Share of a layout's table (block numbers aside) that occurs among the names.
double share_present(const std::set<std::string>& patterns, std::span<const KeyRule> table) {
  size_t found = 0, total = 0;
  for (const KeyRule& rule : table) {
    ++total;
    found += patterns.contains(rule.form == Form::split_qkv ? io::replace_first(rule.theirs, kPart, "q")
                                                            : std::string(rule.theirs));
  }
  return static_cast<double>(found) / static_cast<double>(total);
}

}  // namespace

std::string layout_name(Layout layout) {
  if (layout == Layout::meru) return "meru";
  return layout == Layout::openai ? "openai" : "hugging_face";
}

Layout parse_layout(const std::string& name) {
  if (name == "meru") return Layout::meru;
  if (name == "openai" || name == "open_clip") return Layout::openai;
  if (name == "hugging_face" || name == "hf") return Layout::hugging_face;
  throw UsageError({.what = "unknown layout '" + name + "'", .mend = "use meru, openai, open_clip or hugging_face"});
}

Layout detect_layout(const io::StateDict& state) {
  if (state.contains("visual.patch_embed.proj.weight") || state.contains("textual.token_embed.weight"))
    return Layout::meru;
  if (state.contains("visual.conv1.weight") || state.contains("token_embedding.weight")) return Layout::openai;
  if (state.contains("vision_model.embeddings.patch_embedding.weight") ||
      state.contains("text_model.embeddings.token_embedding.weight")) {
    return Layout::hugging_face;
  }
  std::set<std::string> patterns;
  for (const auto& [name, tensor] : state.tensors) patterns.insert(io::split_index(name).first);
  std::vector<KeyRule> canonical;
  for (const KeyRule& rule : openai_table()) canonical.push_back({rule.canonical, rule.canonical});
  const double meru = share_present(patterns, canonical), openai = share_present(patterns, openai_table()),
               hugging_face = share_present(patterns, hugging_face_table());
  const double best = std::max({meru, openai, hugging_face});
  std::string closest = "it shares no name with any of them";
  if (best > 0) {
    closest = "the closest is " +
              std::string(best == meru     ? "MERU's"
                          : best == openai ? "OpenAI's"
                                           : "Hugging Face's") +
              ", of whose names it holds " + std::to_string(static_cast<int>(100 * best + 0.5)) + "%";
  }
  throw Error({.what = "its " + std::to_string(state.tensors.size()) +
                       " tensors are in no layout of CLIP that is known (MERU, OpenAI or open_clip, Hugging Face); " +
                       closest,
               .file = state.source,
               .field = state.tensors.empty() ? "" : state.tensors.front().first,
               .mend = "cambium inspect lists the tensors; vision transformers with their text tower are supported, "
                       "ResNets are not"});
}

io::StateDict to_canonical(const io::StateDict& state, Layout layout) {
  if (layout == Layout::meru) return state;
  struct Target {
    const KeyRule* rule;
    int part;  // of q, k, v; -1 if whole
  };
  std::unordered_map<std::string, Target> by_name;
  for (const KeyRule& rule : table_of(layout)) {
    if (rule.form != Form::split_qkv) by_name[std::string(rule.theirs)] = {&rule, -1};
    for (int part = 0; part < 3 && rule.form == Form::split_qkv; ++part)
      by_name[io::replace_first(rule.theirs, kPart, kParts[part])] = {&rule, part};
  }
  // open_clip's models with a text class of their own put "text." before the text tower's names.
  const bool text_prefix = layout == Layout::openai && state.contains("text.token_embedding.weight");

  io::StateDict out{.source = state.source, .extras = state.extras, .metadata = state.metadata};
  std::map<std::string, std::array<at::Tensor, 3>> parts;  // canonical name -> q, k, v
  for (const auto& [name, tensor] : state.tensors) {
    if (is_derived(name)) continue;
    const auto [pattern, block] = io::split_index(text_prefix && name.starts_with("text.") ? name.substr(5) : name);
    const auto found = by_name.find(pattern);
    if (found == by_name.end()) {
      out.tensors.emplace_back(name, tensor);
      continue;
    }
    const auto& [rule, part] = found->second;
    const std::string canonical = io::replace_first(rule->canonical, io::kIndex, block);
    if (part < 0) {
      out.tensors.emplace_back(canonical, theirs_to_canonical(tensor, rule->form));
    } else {
      auto& trio = parts[canonical];
      trio[part] = tensor;
      if (trio[0].defined() && trio[1].defined() && trio[2].defined()) {
        if (trio[0].sizes() != trio[1].sizes() || trio[0].sizes() != trio[2].sizes() || trio[0].dim() == 0) {
          throw Error(
              {.what = "q, k and v that make " + canonical + " differ in shape", .file = state.source, .field = name});
        }
        out.tensors.emplace_back(canonical, at::cat({trio[0], trio[1], trio[2]}));
        parts.erase(canonical);
      }
    }
  }
  if (!parts.empty()) {
    throw Error({.what = "of the three projections q, k and v that make " + parts.begin()->first + " not all are there",
                 .file = state.source});
  }
  return out;
}

io::StateDict from_canonical(const io::StateDict& canonical, Layout layout, std::string_view part) {
  if (layout == Layout::meru) return canonical;
  std::unordered_map<std::string, const KeyRule*> by_name;
  for (const KeyRule& rule : table_of(layout)) by_name[std::string(rule.canonical)] = &rule;
  io::StateDict out{.source = canonical.source};
  std::set<std::string> seen;
  for (const auto& [name, tensor] : canonical.tensors) {
    if (is_derived(name) || name == "pixel_mean" || name == "pixel_std") continue;
    const auto [pattern, block] = io::split_index(name);
    const auto found = by_name.find(pattern);
    if (found == by_name.end()) {
      throw Error({.what = "the " + layout_name(layout) + " layout has no place for the tensor " + name,
                   .file = canonical.source,
                   .mend = "keep the model in MERU's layout"});
    }
    seen.insert(pattern);
    const KeyRule& rule = *found->second;
    const std::string theirs = io::replace_first(rule.theirs, io::kIndex, block);
    if (rule.form != Form::split_qkv) {
      out.tensors.emplace_back(theirs, canonical_to_theirs(tensor, rule));
      continue;
    }
    const auto thirds = tensor.chunk(3);
    for (int i = 0; i < 3; ++i)
      out.tensors.emplace_back(io::replace_first(theirs, kPart, kParts[i]), thirds[i].contiguous());
  }
  for (const KeyRule& rule : table_of(layout)) {
    if (rule.canonical.starts_with(part) && !seen.contains(std::string(rule.canonical))) {
      throw Error({.what = "the " + layout_name(layout) + " layout needs " +
                           io::replace_first(rule.theirs, io::kIndex, "0") + ", and the model has no such tensor",
                   .file = canonical.source,
                   .mend = "keep the model in MERU's layout"});
    }
  }
  return out;
}

}  // namespace cambium::clip
