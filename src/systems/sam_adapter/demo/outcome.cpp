#include "systems/sam_adapter/demo/outcome.h"

#include <cmath>

#include "core/error.h"

namespace cambium::systems::sam_adapter::demo {
namespace {

using report::Better;
using report::Claim;
using Summary = metrics::SegmentationSummary;

struct Column {
  const char* name;
  double Summary::* of_set;
  double metrics::SegmentationScores::* of_image;
  Better better;
};

// What the literature of each problem reports (paper, tables 1 and 2).
const std::vector<Column>& columns(Problem problem) {
  static const std::vector<Column> camouflage = {
      {"S", &Summary::s, &metrics::SegmentationScores::s, Better::higher},
      {"E", &Summary::e_mean, &metrics::SegmentationScores::e_mean, Better::higher},
      {"weighted F", &Summary::weighted_f, &metrics::SegmentationScores::weighted_f, Better::higher},
      {"MAE", &Summary::mae, &metrics::SegmentationScores::mae, Better::lower},
      {"IoU", &Summary::iou, &metrics::SegmentationScores::iou, Better::higher}};
  static const std::vector<Column> shadow = {{"BER", &Summary::ber, &metrics::SegmentationScores::ber, Better::lower},
                                             {"IoU", &Summary::iou, &metrics::SegmentationScores::iou, Better::higher},
                                             {"MAE", &Summary::mae, &metrics::SegmentationScores::mae, Better::lower}};
  return problem == Problem::camouflage ? camouflage : shadow;
}

const Column& column(Problem problem, const std::string& name) {
  for (const Column& one : columns(problem)) {
    if (one.name == name) return one;
  }
  throw Error({.what = "no measure " + name});
}

template <class Value>
double mean(const std::vector<ProblemResult>& seeds, const Value& value) {
  double sum = 0;
  for (const auto& seed : seeds) sum += value(seed);
  return sum / static_cast<double>(seeds.size());
}

double measured(const std::vector<ProblemResult>& seeds, Method method, const Column& column) {
  return mean(seeds, [&](const ProblemResult& seed) { return seed.at(method).evaluation.summary.*column.of_set; });
}

double spread(const std::vector<ProblemResult>& seeds, Method method, const Column& column) {
  const double middle = measured(seeds, method, column);
  const double variance = mean(seeds, [&](const ProblemResult& seed) {
    const double away = seed.at(method).evaluation.summary.*column.of_set - middle;
    return away * away;
  });
  return std::sqrt(variance * static_cast<double>(seeds.size()) / static_cast<double>(seeds.size() - 1));
}

// Over seeds: the mean of the differences, and the mean of their standard errors (the pictures are the same, so it does
// not shrink with seeds).
Difference difference(const std::vector<ProblemResult>& seeds, Method other, const Column& column) {
  const auto one = [&](const ProblemResult& seed) {
    return paired_difference(seed.at(Method::adapter).evaluation, seed.at(other).evaluation,
                             [&](const metrics::SegmentationScores& scores) { return scores.*column.of_image; });
  };
  return {mean(seeds, [&](const ProblemResult& seed) { return one(seed).mean; }),
          mean(seeds, [&](const ProblemResult& seed) { return one(seed).standard_error; })};
}

// The paper's table as one sentence for each measure and baseline.
Claim better_than(const std::vector<ProblemResult>& seeds, Method other, const std::string& measure,
                  const std::string& than, const std::string& paper) {
  const Problem problem = seeds.front().problem;
  const Column& one = column(problem, measure);
  return {.claim = "SAM-Adapter's " + measure + " on " + to_string(problem) + " is better than " + than,
          .paper = paper,
          .value = measured(seeds, Method::adapter, one),
          .against = measured(seeds, other, one),
          .better = one.better,
          .chance = measured(seeds, Method::everything, one)};
}

Claim no_worse_than_lora(const std::vector<ProblemResult>& seeds, const std::string& measure) {
  const Problem problem = seeds.front().problem;
  const Column& one = column(problem, measure);
  return report::no_worse_than(
      "SAM-Adapter's " + measure + " on " + to_string(problem) + " is no worse than LoRA's of about as many parameters",
      "beyond the paper", measured(seeds, Method::adapter, one), measured(seeds, Method::lora, one),
      difference(seeds, Method::lora, one).standard_error, one.better);
}

}  // namespace

report::Table comparison_table(const std::vector<ProblemResult>& seeds) {
  const Problem problem = seeds.front().problem;
  const bool several = seeds.size() > 1;
  report::Table table{.title = problem == Problem::camouflage ? "Camouflaged objects" : "Cast shadows",
                      .columns = {"method"}};
  for (const Column& one : columns(problem)) {
    table.columns.emplace_back(one.name, report::Format::fixed, std::string(one.name) == "BER" ? 1 : 3);
    if (several)
      table.columns.emplace_back(std::string("± ") + one.name, report::Format::fixed,
                                 std::string(one.name) == "BER" ? 1 : 3);
  }
  table.columns.emplace_back("trained");
  table.columns.emplace_back("in the encoder");
  table.columns.emplace_back("rate", report::Format::number, 2);
  table.columns.emplace_back("training", report::Format::fixed, 0, "s");
  for (const MethodResult& result : seeds.front().methods) {
    std::vector<report::Cell> row = {title(result.method)};
    for (const Column& one : columns(problem)) {
      row.emplace_back(measured(seeds, result.method, one));
      if (several)
        row.push_back(is_trained(result.method) ? report::Cell(spread(seeds, result.method, one)) : report::Cell());
    }
    if (is_trained(result.method)) {
      row.emplace_back(result.trained);
      row.emplace_back(result.in_encoder);
      row.emplace_back(result.lr);
      row.emplace_back(mean(seeds, [&](const ProblemResult& seed) { return seed.at(result.method).train_seconds; }));
    } else {
      row.resize(row.size() + 4);
    }
    table.rows.push_back(std::move(row));
  }
  const auto& summary = seeds.front().methods.front().evaluation.summary;
  table.note = std::to_string(summary.images) +
               " test pictures of objects and backgrounds that neither the foundation nor any adapter has seen. The "
               "row chosen by the "
               "truth is no method: it bounds what the grid could give.";
  return table;
}

report::Table difference_table(const std::vector<ProblemResult>& seeds) {
  const Problem problem = seeds.front().problem;
  report::Table table{.title = "SAM-Adapter less the others, picture by picture", .columns = {"against"}};
  for (const Column& one : columns(problem)) {
    table.columns.emplace_back(one.name, report::Format::fixed, std::string(one.name) == "BER" ? 1 : 3);
    table.columns.emplace_back("± s.e.", report::Format::fixed, std::string(one.name) == "BER" ? 1 : 3);
  }
  for (const MethodResult& result : seeds.front().methods) {
    if (result.method == Method::adapter) continue;
    std::vector<report::Cell> row = {title(result.method)};
    for (const Column& one : columns(problem)) {
      const Difference found = difference(seeds, result.method, one);
      row.emplace_back(found.mean);
      row.emplace_back(found.standard_error);
    }
    table.rows.push_back(std::move(row));
  }
  table.note = "Less than two standard errors is no difference.";
  return table;
}

std::vector<Claim> claims(const std::vector<ProblemResult>& camouflage, const std::vector<ProblemResult>& shadow,
                          int64_t foundation_parameters) {
  std::vector<Claim> out;
  const struct {
    Method method;
    const char* name;
  } prompted[] = {{Method::box, "SAM's prompted by a box around the picture"},
                  {Method::grid, "SAM's prompted by a grid of points"}};
  for (const auto& baseline : prompted) {
    out.push_back(better_than(shadow, baseline.method, "BER", baseline.name, "section 4.3, table 2"));
  }
  out.push_back(
      better_than(shadow, Method::untrained, "BER", "SAM's without a prompt before any training", "section 4.3"));
  out.push_back(better_than(shadow, Method::decoder, "BER", "that of training the decoder alone", "section 3.2"));
  out.push_back(no_worse_than_lora(shadow, "BER"));
  for (const auto& baseline : prompted) {
    for (const char* measure : {"S", "E", "weighted F", "MAE"}) {
      out.push_back(better_than(camouflage, baseline.method, measure, baseline.name, "section 4.2, table 1"));
    }
  }
  out.push_back(
      better_than(camouflage, Method::untrained, "IoU", "SAM's without a prompt before any training", "section 4.2"));
  out.push_back(better_than(camouflage, Method::decoder, "IoU", "that of training the decoder alone", "section 3.2"));
  out.push_back(no_worse_than_lora(camouflage, "IoU"));
  out.push_back({.claim = "What adapts the encoder is less than 3% of the foundation's weights",
                 .paper = "section 3.2",
                 .value = static_cast<double>(camouflage.front().at(Method::adapter).in_encoder) /
                          static_cast<double>(foundation_parameters),
                 .against = 0.03,
                 .better = Better::lower});
  return out;
}

}  // namespace cambium::systems::sam_adapter::demo
