#include "systems/sam_adapter/eval/outputs.h"

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace cambium::systems::sam_adapter {
namespace {

using metrics::SegmentationScores;
using metrics::SegmentationSummary;
using report::Cell;
using report::Format;

struct PictureField {
  const char* name;
  double SegmentationScores::* value;
};
constexpr PictureField kPictureFields[] = {
    {"s_measure", &SegmentationScores::s},
    {"e_mean", &SegmentationScores::e_mean},
    {"e_max", &SegmentationScores::e_max},
    {"e_adaptive", &SegmentationScores::e_adaptive},
    {"weighted_f", &SegmentationScores::weighted_f},
    {"f_mean", &SegmentationScores::f_mean},
    {"f_max", &SegmentationScores::f_max},
    {"f_adaptive", &SegmentationScores::f_adaptive},
    {"mae", &SegmentationScores::mae},
    {"plain_mae", &SegmentationScores::plain_mae},
    {"dice", &SegmentationScores::dice},
    {"iou", &SegmentationScores::iou},
    {"soft_iou", &SegmentationScores::soft_iou},
    {"positive_error", &SegmentationScores::positive_error},
    {"negative_error", &SegmentationScores::negative_error},
    {"ber", &SegmentationScores::ber},
};

struct SetField {
  const char* name;
  double SegmentationSummary::* value;
};
constexpr SetField kSetFields[] = {
    {"s_measure", &SegmentationSummary::s},
    {"e_mean", &SegmentationSummary::e_mean},
    {"e_max", &SegmentationSummary::e_max},
    {"e_adaptive", &SegmentationSummary::e_adaptive},
    {"weighted_f", &SegmentationSummary::weighted_f},
    {"f_mean", &SegmentationSummary::f_mean},
    {"f_max", &SegmentationSummary::f_max},
    {"f_adaptive", &SegmentationSummary::f_adaptive},
    {"mae", &SegmentationSummary::mae},
    {"plain_mae", &SegmentationSummary::plain_mae},
    {"dice", &SegmentationSummary::dice},
    {"iou", &SegmentationSummary::iou},
    {"soft_iou", &SegmentationSummary::soft_iou},
    {"positive_error", &SegmentationSummary::positive_error},
    {"negative_error", &SegmentationSummary::negative_error},
    {"ber", &SegmentationSummary::ber},
};

std::vector<Cell> table_row(const std::string& name, const SegmentationSummary& s) {
  return {name,     s.images, s.s,   s.e_mean, s.e_max, s.e_adaptive, s.weighted_f,
          s.f_mean, s.f_max,  s.mae, s.dice,   s.iou,   s.ber,        s.pooled.balanced_error()};
}

std::string csv_text(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

void append_scores(std::string& row, const SegmentationScores& scores) {
  for (const PictureField& field : kPictureFields) {
    const double value = scores.*field.value;
    char text[32] = "";
    if (std::isfinite(value)) std::snprintf(text, sizeof text, "%.10g", value);
    row += std::string(",") + text;
  }
}

nlohmann::ordered_json number(double value) {
  return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr);
}

nlohmann::ordered_json summary_json(const SegmentationSummary& summary) {
  nlohmann::ordered_json out;
  for (const SetField& field : kSetFields) out[field.name] = number(summary.*field.value);
  out["pooled_positive_error"] = number(summary.pooled.positive_error());
  out["pooled_negative_error"] = number(summary.pooled.negative_error());
  out["pooled_ber"] = number(summary.pooled.balanced_error());
  if (summary.without_s > 0) out["images_without_s_measure"] = summary.without_s;
  if (summary.without_ber > 0) out["images_without_ber"] = summary.without_ber;
  return out;
}

}  // namespace

report::Table score_table(const std::vector<ScoredSet>& sets) {
  const auto share = [](const char* name) { return report::Column(name, Format::fixed, 3); };
  report::Table table{.title = "Scores",
                      .columns = {"set",
                                  "pictures",
                                  share("S"),
                                  share("E mean"),
                                  share("E max"),
                                  share("E adaptive"),
                                  share("wF"),
                                  share("F mean"),
                                  share("F max"),
                                  share("MAE"),
                                  share("Dice"),
                                  share("IoU"),
                                  {"BER", Format::fixed, 2, "%"},
                                  {"BER pooled", Format::fixed, 2, "%"}}};
  int64_t without_s = 0, without_ber = 0;
  for (const ScoredSet& set : sets) {
    table.rows.push_back(table_row(set.name, set.summary));
    if (set.compat) table.rows.push_back(table_row(set.name + " (compat)", *set.compat));
    without_s += set.summary.without_s;
    without_ber += set.summary.without_ber;
  }
  table.note = "Means over pictures, but for E max and F max (maxima of the mean curves) and the pooled BER.";
  if (without_ber > 0)
    table.note += " BER leaves out " + std::to_string(without_ber) + " pictures that lack foreground or background.";
  if (without_s > 0) table.note += " S leaves out " + std::to_string(without_s) + " pictures where it is undefined.";
  return table;
}

std::string scores_csv(const std::vector<ScoredSet>& sets) {
  bool compat = false;
  for (const ScoredSet& set : sets) compat = compat || set.compat.has_value();
  std::string out = "set,name,width,height";
  for (const PictureField& field : kPictureFields) out += std::string(",") + field.name;
  for (const PictureField& field : kPictureFields) {
    if (compat) out += std::string(",compat_") + field.name;
  }
  out += "\r\n";
  for (const ScoredSet& set : sets) {
    for (const ScoredImage& image : set.images) {
      out += csv_text(set.name) + "," + csv_text(image.name) + "," + std::to_string(image.width) + "," +
             std::to_string(image.height);
      append_scores(out, image.scores);
      if (image.compat) append_scores(out, *image.compat);
      out += "\r\n";
    }
  }
  return out;
}

nlohmann::ordered_json to_json(const std::vector<ScoredSet>& sets) {
  nlohmann::ordered_json out = {{"sets", nlohmann::ordered_json::array()}};
  for (const ScoredSet& set : sets) {
    nlohmann::ordered_json one = {{"name", set.name}, {"images", set.summary.images}};
    one.update(summary_json(set.summary));
    one["e_curve"] = set.summary.e_curve;
    one["f_curve"] = set.summary.f_curve;
    if (set.compat) one["compat"] = summary_json(*set.compat);
    out["sets"].push_back(std::move(one));
  }
  return out;
}

}  // namespace cambium::systems::sam_adapter
