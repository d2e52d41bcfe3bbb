#pragma once
// MERU's evaluation protocols (paper, section 4; its released evaluation code): zero-shot classification, linear probe,
// zero-shot retrieval.
#include <filesystem>
#include <string>
#include <vector>

#include "report/table.h"
#include "systems/meru/embedder.h"

namespace cambium::io {
class RecipeSection;
}

namespace cambium::systems::meru {

// Where one set of pictures is and how it is laid out.
struct SetRecipe {
  std::string layout = "image_folder";  // image_folder, table, coco, karpathy
  std::string path = "";                // the folder (image_folder), the table, or the annotations
  std::string images = "";              // folder of the pictures (table, coco, karpathy)
  std::string names = "";               // class names: a list, or JSON from folder or label to name
  std::string image_column = "path", label_column = "label";  // table
  std::string split = "test";                                 // karpathy
};

struct EvalRecipe {
  std::string system = "meru";
  std::string task = "zero_shot";  // zero_shot, linear_probe, retrieval
  SetRecipe data;                  // the test set
  SetRecipe train, validation;     // linear_probe
  std::vector<std::string> prompts = {"a photo of a {}."};
  std::string prompts_file = "";
  std::vector<double> ks = {5, 10};  // retrieval
  int64_t threads = 2;               // that decode pictures
};

void fields(io::RecipeSection& section, EvalRecipe& recipe);

// One row per number, named as the paper's tables name it, in percent.
struct EvalResult {
  report::Table table;
  std::vector<std::pair<std::string, double>> numbers;  // "macro_accuracy", "t2i_r5", ... as shares
};
EvalResult evaluate(const Embedder& embedder, const EvalRecipe& recipe);

}  // namespace cambium::systems::meru
