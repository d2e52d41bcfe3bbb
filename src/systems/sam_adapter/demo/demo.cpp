#include "systems/sam_adapter/demo/demo.h"

#include <ATen/ops/ones.h>

#include <chrono>

#include "core/error.h"
#include "core/log.h"
#include "core/paths.h"
#include "core/progress.h"
#include "models/sam/weights.h"
#include "systems/sam_adapter/demo/baselines.h"
#include "systems/sam_adapter/demo/methods.h"
#include "systems/sam_adapter/demo/outcome.h"
#include "systems/sam_adapter/demo/page.h"
#include "systems/sam_adapter/foundation/training.h"

namespace cambium::systems::sam_adapter::demo {
namespace {

namespace fs = std::filesystem;
using data::composite::PictureInfo;
using data::composite::Split;

const char* mode_name(Mode mode) { return mode == Mode::smoke ? "smoke" : mode == Mode::full ? "full" : "short"; }

fs::path pictures_folder(const DemoOptions& options) {
  if (!options.data.empty()) return options.data;
  return options.mode == Mode::smoke ? shared_file("tests/fixtures/cutouts") : foundation::prepared_pictures();
}

SetSizes sizes(Mode mode) {
  if (mode == Mode::smoke) return {.train = 16, .validation = 4, .test = 6};
  return {};
}

// The foundation in both of its roles: asked by prompts, and adapted.
struct Foundations {
  std::shared_ptr<cambium::sam::Sam> prompted;
  std::shared_ptr<Foundation> adapted;
  fs::path path;
  int64_t side = 0;  // pixels of the pictures composed for it
  int64_t parameters = 0;
};

Foundations open_foundation(const DemoOptions& options) {
  Foundations out{.path =
                      options.foundation.empty() ? shared_file("assets/sam_small.safetensors") : options.foundation};
  out.prompted = cambium::sam::open(out.path, options.compute);
  out.adapted = Foundation::open(out.path, options.compute);
  // Cut-outs are small: larger pictures would only be enlarged ones.
  out.side = std::min<int64_t>(256, out.prompted->options().encoder.image_size);
  for (const auto& parameter : out.prompted->parameters()) out.parameters += parameter.numel();
  return out;
}

class ProblemRun {
 public:
  ProblemRun(Problem problem, const DemoOptions& options, const Foundations& foundations, const fs::path& pictures)
      : problem_(problem), options_(options), foundations_(foundations), folder_(options.out / to_string(problem)) {
    compose_problem(problem, pictures, folder_ / "data", sizes(options.mode), foundations.side, options.seed);
    test_ = read_split(folder_ / "data", Split::test);
    validation_ = read_split(folder_ / "data", Split::validation);
    for (const MethodPlan& plan : plans(problem)) plans_.push_back(plan);
    for (MethodPlan& plan : plans_) {
      if (options.mode == Mode::full) plan.lr = search_rate(plan);
    }
  }

  const ProblemSet& test() const { return test_; }
  const std::string& recipe() const { return recipe_; }
  fs::path delta() const { return options_.out / (to_string(problem_) + ".safetensors"); }

  // Everything on the test split with one seed.
  ProblemResult run(uint64_t seed) {
    ProblemResult result = untrained_on(test_, seed);
    for (const MethodPlan& plan : plans_) {
      const std::string name = method_name(plan.method) + "-seed" + std::to_string(seed);
      const Trained trained = train(plan, plan.lr, seed, name, 0);
      const auto adapted = Adapted::open(foundations_.adapted, trained.delta);
      const DeltaSize size = measure_delta(trained.delta);
      MethodResult row = judge(plan.method, predict(*adapted->model(), test_.images), test_);
      row.trained = size.trained;
      row.in_encoder = size.in_encoder;
      row.delta_bytes = size.bytes;
      row.lr = plan.lr;
      row.train_seconds = trained.seconds;
      result.methods.push_back(std::move(row));
      if (seed != options_.seed) continue;
      adapted_.emplace_back(plan.method, adapted);
      if (plan.method == Method::adapter) {
        recipe_ = trained.recipe;
        fs::copy_file(trained.delta, delta(), fs::copy_options::overwrite_existing);
      }
    }
    return result;
  }

  // The first seed's models on other pictures.
  ProblemResult apply(const ProblemSet& set) const {
    ProblemResult result = untrained_on(set, options_.seed);
    for (const auto& [method, adapted] : adapted_)
      result.methods.push_back(judge(method, predict(*adapted->model(), set.images), set));
    return result;
  }

 private:
  static std::string method_name(Method method) {
    return method == Method::adapter ? "adapter" : method == Method::lora ? "lora" : "decoder";
  }

  static MethodResult judge(Method method, at::Tensor probabilities, const ProblemSet& set) {
    return {.method = method, .evaluation = evaluate(probabilities, set), .probabilities = std::move(probabilities)};
  }

  ProblemResult untrained_on(const ProblemSet& set, uint64_t seed) const {
    ProblemResult result{.problem = problem_, .seed = seed};
    result.methods.push_back(judge(Method::everything, at::ones(set.masks.sizes(), at::kFloat), set));
    result.methods.push_back(judge(Method::box, prompt_whole_box(*foundations_.prompted, set.images), set));
    GridAnswers grid =
        prompt_point_grid(*foundations_.prompted, set.images, set.masks, options_.mode == Mode::smoke ? 2 : 8);
    result.methods.push_back(judge(Method::grid, std::move(grid.chosen), set));
    result.methods.push_back(judge(Method::oracle, std::move(grid.oracle), set));
    result.methods.push_back(judge(Method::untrained, predict(*untrained(*foundations_.adapted), set.images), set));
    return result;
  }

  Trained train(const MethodPlan& plan, double lr, uint64_t seed, const std::string& name, int64_t steps) const {
    const bool smoke = options_.mode == Mode::smoke;
    return train_method(plan, problem_, lr, *foundations_.adapted,
                        {.data = folder_ / "data",
                         .run = folder_ / name,
                         .steps = smoke ? 4 : steps,
                         .batch = smoke ? 4 : 0,
                         .seed = seed,
                         .overrides = options_.overrides,
                         .label = to_string(problem_) + ", " + title(plan.method)});
  }

  // Every method gets the same tries, at a third of the recipe's steps, judged on the validation split.
  double search_rate(const MethodPlan& plan) const {
    double best_rate = plan.lr, best = 0;
    bool first = true;
    for (const double rate : candidate_rates()) {
      const Trained trained = train(plan, rate, options_.seed, "search-" + method_name(plan.method), 300);
      const auto& summary =
          evaluate(predict(*Adapted::open(foundations_.adapted, trained.delta)->model(), validation_.images),
                   validation_)
              .summary;
      const double score = problem_ == Problem::shadow ? -summary.ber : summary.iou;
      if (first || score > best) best = score, best_rate = rate;
      first = false;
    }
    return best_rate;
  }

  Problem problem_;
  const DemoOptions& options_;
  const Foundations& foundations_;
  fs::path folder_;
  ProblemSet test_, validation_;
  std::vector<MethodPlan> plans_;
  std::vector<std::pair<Method, std::shared_ptr<Adapted>>> adapted_;
  std::string recipe_;
};

// Drawings under a free licence on free photographs, all held out of the foundation's training as well.
ProblemSet free_examples(Problem problem, const fs::path& pictures, const DemoOptions& options, int64_t side) {
  const auto held_out = [](const PictureInfo& info) {
    return info.split == Split::validation && data::composite::is_permissive(info.licence);
  };
  const std::string set = options.mode == Mode::smoke ? "fluent" : "openclipart";
  return compose_examples(
      problem, pictures, [&](const PictureInfo& info) { return info.set == set && held_out(info); }, held_out,
      options.mode == Mode::smoke ? 2 : 24, side, options.seed);
}

}  // namespace

report::Results run_demo(const DemoOptions& options) {
  const auto began = std::chrono::steady_clock::now();
  const fs::path pictures = pictures_folder(options);
  const Foundations foundations = open_foundation(options);
  fs::create_directories(options.out);

  report::Results results{.system = "sam_adapter", .mode = mode_name(options.mode), .seed = options.seed};
  PageInputs page;
  page.foundation = foundations.path.filename().string() + ", a Segment Anything of " +
                    format_count(foundations.parameters) + " parameters";
  page.foundation_parameters = foundations.parameters;
  page.rates =
      "Each method's learning rate is the best of the same three on a validation split, at a third of the steps";
  page.rates +=
      options.mode == Mode::full ? ", found before the test split was looked at." : "; `--full` searches anew.";
  const uint64_t seeds = options.mode == Mode::full ? 3 : 1;
  const auto run = [&](Problem problem, std::vector<ProblemResult>& by_seed, ProblemSet& test, ProblemSet& free_set,
                       ProblemResult& free_result) {
    ProblemRun problem_run(problem, options, foundations, pictures);
    for (uint64_t seed = options.seed; seed < options.seed + seeds; ++seed) by_seed.push_back(problem_run.run(seed));
    test = problem_run.test();
    free_set = free_examples(problem, pictures, options, foundations.side);
    free_result = problem_run.apply(free_set);
    page.recipe = problem_run.recipe();
    results.tables.emplace_back(to_string(problem), comparison_table(by_seed));
    results.tables.emplace_back(to_string(problem) + "_differences", difference_table(by_seed));
  };
  run(Problem::shadow, page.shadow, page.shadow_test, page.free_shadow_set, page.free_shadow);
  run(Problem::camouflage, page.camouflage, page.camouflage_test, page.free_camouflage_set, page.free_camouflage);

  results.claims = claims(page.camouflage, page.shadow, foundations.parameters);
  results.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  results.peak_memory_bytes = peak_memory_bytes();
  write_gallery(options.out / "gallery.png", page);
  write_page(options.out / "report.html", results, page);
  report::write_results(options.out / "results.json", results);
  return results;
}

}  // namespace cambium::systems::sam_adapter::demo
