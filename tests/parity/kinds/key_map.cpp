// key_map: every tensor of the published models by its name in the original single files and in diffusers' folders.
// Each column is made from the other one by the library: a tensor of one element, its row's number, stands for every
// row, and where it comes out is the row's name in the other layout.
#include <ATen/ATen.h>

#include <algorithm>
#include <map>

#include "models/latent_diffusion/layouts.h"
#include "models/latent_diffusion/ldm_file.h"
#include "parity/kinds/kinds.h"

namespace cambium::parity {
namespace {

using latent_diffusion::Parts;
using latent_diffusion::TextLayout;

struct Row {
  std::string theirs, ours;
  std::vector<int64_t> shape, their_shape;
};

std::vector<Row> read_rows(const Json& pairs) {
  std::vector<Row> rows;
  for (const Json& pair : pairs) {
    Row row{.theirs = pair[0], .ours = pair[1], .shape = pair[2]};
    row.their_shape = pair.size() > 3 ? pair[3].get<std::vector<int64_t>>() : row.shape;
    rows.push_back(std::move(row));
  }
  return rows;
}

// "x.in_proj_weight[1024:2048]" -> "x.in_proj_weight" and the first row, or -1 where the whole tensor is meant.
std::pair<std::string, int64_t> split_rows(const std::string& name) {
  const size_t bracket = name.find('[');
  if (bracket == std::string::npos) return {name, -1};
  return {name.substr(0, bracket), std::stoll(name.substr(bracket + 1))};
}

at::Tensor stand_in(size_t row, const std::vector<int64_t>& shape) {
  return at::full(std::vector<int64_t>(shape.size(), 1), static_cast<double>(row), at::kFloat);
}

size_t row_of(const at::Tensor& element) { return static_cast<size_t>(element.item<double>()); }

// The file of the LDM code; rows of one packed tensor in order.
io::StateDict their_file(const std::vector<Row>& rows) {
  std::map<std::string, std::map<int64_t, at::Tensor>> packed;
  io::StateDict file;
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto [name, first] = split_rows(rows[i].theirs);
    if (first < 0) {
      file.tensors.emplace_back(name, stand_in(i, rows[i].their_shape));
    } else {
      packed[name][first] = stand_in(i, rows[i].their_shape);
    }
  }
  for (const auto& [name, slices] : packed) {
    std::vector<at::Tensor> parts;
    for (const auto& [first, tensor] : slices) parts.push_back(tensor);
    file.tensors.emplace_back(name, at::cat(parts));
  }
  return file;
}

// diffusers' names; the text encoder's are transformers'.
io::StateDict our_tensors(const Parts& parts) {
  io::StateDict out;
  for (const io::StateDict* part : {&parts.unet, &parts.autoencoder})
    out.tensors.insert(out.tensors.end(), part->tensors.begin(), part->tensors.end());
  if (!parts.text.tensors.empty()) {
    const io::StateDict text = latent_diffusion::text_to_layout(parts.text, TextLayout::clip);
    out.tensors.insert(out.tensors.end(), text.tensors.begin(), text.tensors.end());
  }
  return out;
}

Parts our_parts(const std::vector<Row>& rows) {
  Parts parts;
  io::StateDict all;
  for (size_t i = 0; i < rows.size(); ++i) all.tensors.emplace_back(rows[i].ours, stand_in(i, rows[i].shape));
  if (all.tensors.front().first.starts_with("text_model.")) {
    parts.text = latent_diffusion::text_from_layout(all, TextLayout::clip);
  } else if (all.contains("conv_in.weight")) {
    parts.unet = all;
  } else {
    parts.autoencoder = all;
  }
  return parts;
}

// What was written down, its own column, is read for the layout that is asked for alone.
TextLayout asked_layout(const std::vector<Row>& rows) {
  return rows.front().theirs.starts_with("cond_stage_model.model.") ? TextLayout::open_clip : TextLayout::clip;
}

void name_rows(const std::vector<Row>& rows, const io::StateDict& theirs, const io::StateDict& ours,
               std::vector<Row>& named) {
  for (const auto& [name, tensor] : ours.tensors) {
    Row& row = named.at(row_of(tensor));
    row.ours = name;
    row.shape = rows[row_of(tensor)].their_shape;
    row.shape.resize(static_cast<size_t>(tensor.dim()));
  }
  for (const auto& [name, tensor] : theirs.tensors) {
    const bool packed = tensor.numel() > 1;
    int64_t first = 0;
    for (const at::Tensor& element : tensor.flatten().split(1)) {
      const size_t i = row_of(element);
      Row& row = named.at(i);
      const int64_t last = first + rows[i].shape.front();
      row.theirs = packed ? name + "[" + std::to_string(first) + ":" + std::to_string(last) + "]" : name;
      row.their_shape = rows[i].shape;
      row.their_shape.resize(static_cast<size_t>(tensor.dim()), 1);
      first = last;
    }
  }
}

Json describe(const std::vector<Row>& rows) {
  Json pairs = Json::array();
  int64_t elements = 0;
  for (const Row& row : rows) {
    Json pair = {row.theirs, row.ours, row.shape};
    if (row.their_shape != row.shape) pair.push_back(row.their_shape);
    pairs.push_back(pair);
    elements += c10::multiply_integers(row.shape);
  }
  return {{"n_tensors", rows.size()}, {"n_params", elements}, {"pairs", pairs}};
}

Json check_model(const std::vector<Row>& rows) {
  io::StateDict ours, theirs;
  const bool motion = rows.front().ours.find("motion_modules") != std::string::npos;
  if (motion) {
    const latent_diffusion::NameMap map = latent_diffusion::motion_names();
    for (size_t i = 0; i < rows.size(); ++i) {
      ours.tensors.emplace_back(map.to_ours(rows[i].theirs).value_or(""), stand_in(i, rows[i].their_shape));
      theirs.tensors.emplace_back(map.to_theirs(rows[i].ours).value_or(""), stand_in(i, rows[i].shape));
    }
  } else {
    ours = our_tensors(latent_diffusion::split_ldm(their_file(rows), /*ema=*/false));
    Parts parts = our_parts(rows);
    parts.text_layout = asked_layout(rows);
    theirs = latent_diffusion::join_ldm(parts);
  }
  std::vector<Row> named(rows.size());
  name_rows(rows, theirs, ours, named);
  return describe(named);
}

}  // namespace

Results check_key_map(const Golden& golden) {
  Results results;
  for (const auto& [model, entry] : golden.config.items()) {
    if (entry.is_object() && entry.contains("pairs") && !entry["pairs"].empty())
      results.json[model] = check_model(read_rows(entry["pairs"]));
  }
  return results;
}

}  // namespace cambium::parity
