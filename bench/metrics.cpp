// All segmentation measures of the pictures NNN_prediction.png and NNN_mask.png in a folder, decoded beforehand, one
// after the other on one thread. usage: bench_metrics FOLDER
#include "io/image.h"
#include "io/image_tensor.h"
#include "io/picture_files.h"
#include "measure.h"
#include "metrics/segmentation/segmentation.h"

int main(int, char** argv) {
  using namespace cambium;
  std::vector<std::pair<at::Tensor, at::Tensor>> pairs;
  const auto plane = [](const std::filesystem::path& file) { return io::to_tensor(io::load_image(file)).squeeze(0); };
  for (const auto& file : io::picture_files({argv[1]})) {
    const std::string name = file.filename().string();
    const size_t end = name.find("_mask.png");
    if (end != std::string::npos)
      pairs.emplace_back(plane(file.parent_path() / (name.substr(0, end) + "_prediction.png")), plane(file));
  }
  std::vector<metrics::SegmentationScores> scores(pairs.size());
  const double seconds = bench::best_of(5, [&] {
    for (size_t i = 0; i < pairs.size(); ++i) scores[i] = metrics::score_segmentation(pairs[i].first, pairs[i].second);
  });
  nlohmann::json values = nlohmann::json::array();
  for (const auto& s : scores)
    values.push_back({s.s, s.e_mean, s.e_max, s.e_adaptive, s.weighted_f, s.f_mean, s.f_max, s.f_adaptive, s.mae});
  std::printf("%s\n", nlohmann::json({{"dtype", "u8"},
                                      {"threads", 1},
                                      {"seconds", seconds / static_cast<double>(pairs.size())},
                                      {"peak_memory_bytes", peak_memory_bytes()},
                                      {"values", values}})
                          .dump()
                          .c_str());
}
