#include "systems/meru/eval.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>

#include "core/error.h"
#include "data/annotations.h"
#include "data/labelled.h"
#include "io/recipe.h"
#include "metrics/classification.h"
#include "metrics/linear_probe.h"
#include "metrics/retrieval.h"
#include "systems/meru/apply.h"

namespace cambium::systems::meru {
namespace {

void fields(io::RecipeSection& s, SetRecipe& r) {
  s.field("layout", r.layout, io::one_of({"image_folder", "table", "coco", "karpathy"}));
  s.field("path", r.path);
  s.field("images", r.images);
  s.field("names", r.names);
  s.field("image_column", r.image_column);
  s.field("label_column", r.label_column);
  s.field("split", r.split);
}

std::shared_ptr<const data::ImageList> open_set(const SetRecipe& r, const char* field) {
  if (r.path.empty())
    throw UsageError({.what = "names no data",
                      .field = std::string(field) + ".path",
                      .mend = "set it in the recipe, or with --set"});
  if (r.layout == "table") {
    return data::open_label_table(
        r.path, {.root = r.images, .names = r.names, .image_column = r.image_column, .label_column = r.label_column});
  }
  if (r.layout == "coco") return data::open_coco_captions(r.path, r.images);
  if (r.layout == "karpathy") return data::open_karpathy_captions(r.path, r.images, r.split);
  return data::open_image_folder(r.path, r.names);
}

std::vector<std::filesystem::path> files_of(const data::ImageList& list) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : list.entries()) files.push_back(entry.path);
  return files;
}

at::Tensor labels_of(const data::ImageList& list) {
  std::vector<int64_t> labels;
  for (const auto& entry : list.entries()) labels.push_back(entry.label);
  return at::tensor(labels, at::kLong);
}

void need_labels(const data::ImageList& list, const char* task) {
  if (list.class_names().empty()) {
    throw UsageError({.what = "has captions, not classes",
                      .file = list.source(),
                      .field = "data.layout",
                      .mend = std::string(task) + " needs image_folder or table"});
  }
}

EvalResult result(const std::string& title, const std::vector<std::pair<std::string, double>>& numbers,
                  const std::string& note) {
  EvalResult out{.table = {.title = title,
                           .columns = {"measure", {"value", report::Format::percent, 1}},
                           .rows = {},
                           .note = note},
                 .numbers = numbers};
  for (const auto& [name, value] : numbers) out.table.rows.push_back({report::Cell(name), report::Cell(value)});
  return out;
}

EvalResult zero_shot(const Embedder& embedder, const EvalRecipe& recipe) {
  const auto list = open_set(recipe.data, "data");
  need_labels(*list, "zero-shot classification");
  const auto prompts = recipe.prompts_file.empty() ? recipe.prompts : read_lines(recipe.prompts_file);
  const at::Tensor classes = embedder.embed_classes(list->class_names(), prompts);
  const auto pictures = embed_files(embedder, files_of(*list), Preprocess::center_crop, true, recipe.threads);
  const at::Tensor scores = embedder.scores(pictures.embeddings, classes), labels = labels_of(*list);
  return result("Zero-shot classification",
                {{"macro_accuracy",
                  metrics::macro_accuracy(scores.argmax(1), labels, static_cast<int64_t>(list->class_names().size()))},
                 {"top1", metrics::top_k_accuracy(scores, labels, 1)},
                 {"top5", metrics::top_k_accuracy(scores, labels, std::min<int64_t>(5, scores.size(1)))}},
                std::to_string(list->size()) + " pictures, " + std::to_string(list->class_names().size()) +
                    " classes, " + std::to_string(prompts.size()) +
                    " prompts. The paper's number is the macro accuracy: the mean recall over classes.");
}

// The image tower's own features, before the projection (paper, section 4.1: linear probe).
at::Tensor tower_features(const Embedder& embedder, const data::ImageList& list, int64_t threads) {
  return embed_files(embedder, files_of(list), Preprocess::center_crop, true, threads, {}, Features::tower).embeddings;
}

EvalResult linear_probe(const Embedder& embedder, const EvalRecipe& recipe) {
  const auto test = open_set(recipe.data, "data"), train = open_set(recipe.train, "train"),
             validation = open_set(recipe.validation, "validation");
  for (const auto& list : {test, train, validation}) need_labels(*list, "a linear probe");
  if (train->class_names() != test->class_names() || train->class_names() != validation->class_names()) {
    throw Error({.what = "the classes of train, validation and test differ",
                 .file = train->source(),
                 .mend = "give all three the same class names"});
  }
  const auto classes = static_cast<int64_t>(train->class_names().size());
  const auto probe =
      metrics::linear_probe(tower_features(embedder, *train, recipe.threads), labels_of(*train),
                            tower_features(embedder, *validation, recipe.threads), labels_of(*validation), classes);
  const at::Tensor predicted = probe.model.predict(tower_features(embedder, *test, recipe.threads));
  return result(
      "Linear probe",
      {{"macro_accuracy", metrics::macro_accuracy(predicted, labels_of(*test), classes)},
       {"validation_macro_accuracy", probe.validation_accuracy}},
      "C = " + std::to_string(probe.c) + ", chosen on the validation set; refitted on training and validation.");
}

EvalResult retrieval(const Embedder& embedder, const EvalRecipe& recipe) {
  const auto list = open_set(recipe.data, "data");
  std::vector<std::string> captions;
  std::vector<int64_t> image_of;
  for (int64_t i = 0; i < list->size(); ++i) {
    for (const auto& caption : list->entries()[i].captions) {
      captions.push_back(caption);
      image_of.push_back(i);
    }
  }
  if (captions.empty())
    throw UsageError({.what = "has no captions",
                      .file = list->source(),
                      .field = "data.layout",
                      .mend = "retrieval needs coco or karpathy"});
  // The paper's protocol squashes the whole picture to the square.
  const at::Tensor pictures =
      embed_files(embedder, files_of(*list), Preprocess::squash, true, recipe.threads).embeddings;
  const at::Tensor texts = embedder.embed_texts(captions);
  std::vector<int64_t> ks(recipe.ks.begin(), recipe.ks.end());
  const auto recall = metrics::cross_modal_recall(
      [&](int64_t first, int64_t count) { return embedder.scores(pictures.slice(0, first, first + count), texts); },
      [&](int64_t first, int64_t count) { return embedder.scores(texts.slice(0, first, first + count), pictures); },
      list->size(), image_of, {.ks = ks});
  std::vector<std::pair<std::string, double>> numbers;
  for (size_t i = 0; i < ks.size(); ++i)
    numbers.emplace_back("t2i_r" + std::to_string(ks[i]), recall.text_to_image.recall[i]);
  for (size_t i = 0; i < ks.size(); ++i)
    numbers.emplace_back("i2t_r" + std::to_string(ks[i]), recall.image_to_text.recall[i]);
  return result("Zero-shot retrieval", numbers,
                std::to_string(list->size()) + " pictures, " + std::to_string(captions.size()) + " captions.");
}

}  // namespace

void fields(io::RecipeSection& s, EvalRecipe& recipe) {
  s.field("system", recipe.system, io::one_of({"meru"}));
  s.field("task", recipe.task, io::one_of({"zero_shot", "linear_probe", "retrieval"}));
  s.section("data", [&](io::RecipeSection& set) { fields(set, recipe.data); });
  if (recipe.task == "linear_probe") {
    s.section("train", [&](io::RecipeSection& set) { fields(set, recipe.train); });
    s.section("validation", [&](io::RecipeSection& set) { fields(set, recipe.validation); });
  }
  if (recipe.task == "zero_shot") {
    s.field("prompts", recipe.prompts);
    s.field("prompts_file", recipe.prompts_file);
  }
  if (recipe.task == "retrieval") s.field("ks", recipe.ks, io::at_least(1));
  s.field("threads", recipe.threads, io::between(1, 256));
}

EvalResult evaluate(const Embedder& embedder, const EvalRecipe& recipe) {
  if (recipe.task == "linear_probe") return linear_probe(embedder, recipe);
  if (recipe.task == "retrieval") return retrieval(embedder, recipe);
  return zero_shot(embedder, recipe);
}

}  // namespace cambium::systems::meru
