#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/options.h"
#include "core/progress.h"
#include "systems/sam_adapter/segment/run.h"

namespace cambium::cli {
namespace {

struct SegmentCommand : CommonOptions {
  systems::sam_adapter::SegmentModel model;
  systems::sam_adapter::SegmentJob job;
  std::vector<std::string> points, boxes;
  std::string out, formats = "masks,overlays";
  double simplify = 1;
};

void run(SegmentCommand& options) {
  using namespace systems::sam_adapter;
  SegmentJob& job = options.job;
  for (const auto& text : options.points) job.request.points.push_back(parse_point(text));
  for (const auto& text : options.boxes) job.request.boxes.push_back(parse_box(text));
  job.formats = SegmentFormats::parse(options.formats);
  job.formats.tolerance = options.simplify;
  job.out = options.out;
  const Compute compute = options.apply();
  const auto segmenter = Segmenter::open(options.model, compute);
  const SegmentOutcome outcome = segment_files(*segmenter, job);

  nlohmann::ordered_json json = {
      {"files", nlohmann::json::array()}, {"skipped", outcome.skipped}, {"outputs", outcome.outputs}};
  for (const auto& file : outcome.files) {
    const char* masks = file.segments == 1 ? "mask" : "masks";
    if (file.frames == 1) {
      std::printf("%s: %lld %s\n", file.file.c_str(), static_cast<long long>(file.segments), masks);
    } else {
      std::printf("%s: %s %s in %s frames\n", file.file.c_str(), format_count(file.segments).c_str(), masks,
                  format_count(file.frames).c_str());
    }
    json["files"].push_back({{"file", file.file},
                             {"height", file.height},
                             {"width", file.width},
                             {"frames", file.frames},
                             {"segments", file.segments},
                             {"outputs", file.outputs}});
  }
  std::printf("written to %s\n", options.out.c_str());
  write_json(options, json.dump(2));
}

// The arguments of the original's SamAutomaticMaskGenerator, under their names.
void add_automatic(CLI::App& command, sam::AutomaticMaskOptions& options) {
  const std::string group = "With --everything";
  command.add_option("--points-per-side", options.points_per_side, "points a side of the grid")
      ->capture_default_str()
      ->group(group);
  command.add_option("--points-per-batch", options.points_per_batch, "points decoded at once")
      ->capture_default_str()
      ->group(group);
  command.add_option("--pred-iou-thresh", options.pred_iou_thresh, "drop masks of lower predicted quality")
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--stability-score-thresh", options.stability_score_thresh,
                  "drop masks that depend more on the threshold")
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--stability-score-offset", options.stability_score_offset,
                  "how far that threshold is moved, in logits")
      ->capture_default_str()
      ->group(group);
  command.add_option("--box-nms-thresh", options.box_nms_thresh, "IoU of boxes above which the worse mask goes")
      ->capture_default_str()
      ->group(group);
  command.add_option("--crop-n-layers", options.crop_n_layers, "layers of crops to look at besides: 4, 16, ... each")
      ->capture_default_str()
      ->group(group);
  command.add_option("--crop-nms-thresh", options.crop_nms_thresh, "the same IoU between crops")
      ->capture_default_str()
      ->group(group);
  command.add_option("--crop-overlap-ratio", options.crop_overlap_ratio, "how far crops overlap, of the shorter side")
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--crop-n-points-downscale-factor", options.crop_n_points_downscale_factor,
                  "fewer points a side in each layer")
      ->capture_default_str()
      ->group(group);
  command.add_option("--min-mask-region-area", options.min_mask_region_area, "mend holes and specks of fewer pixels")
      ->capture_default_str()
      ->group(group);
}

}  // namespace

void add_segment(CLI::App& app) {
  auto options = std::make_shared<SegmentCommand>();
  CLI::App* command = add_command(app, "segment", "cut objects out of pictures and videos (SAM, SAM-Adapter)",
                                  "cambium segment --weights sam_vit_b_01ec64.pth --point 320,200 photo.jpg -o masks");
  command->add_option("inputs", options->job.inputs, "pictures, folders of pictures, videos")->required();
  command
      ->add_option("--weights", options->model.weights,
                   "a SAM, MobileSAM, HQ-SAM or SAM-Adapter file (docs/weights.md lists them)")
      ->required();
  command->add_option("--delta", options->model.delta,
                      "a delta.safetensors that cambium train left beside these weights; it needs no prompt");
  command->add_flag("--allow-foundation", options->model.allow_foundation,
                    "use the delta with other weights of the same architecture");
  command->add_option("--size", options->model.size,
                      "pixels a side that the picture is scaled to for the model (default: the model's)");
  command->add_option("--point", options->points, "x,y on the object, or x,y,0 on the background; repeat for more")
      ->type_size(1)
      ->allow_extra_args(false);
  command->add_option("--box", options->boxes, "x0,y0,x1,y1 around the object; several give a mask each")
      ->type_size(1)
      ->allow_extra_args(false);
  command->add_flag("--everything", options->job.request.everything, "masks of all that a grid of points finds");
  command->add_flag("--multimask", options->job.request.multimask,
                    "all three masks of each prompt, not the best alone");
  command->add_option("-o,--out", options->out, "folder for what is written")->required();
  command->add_option("--format", options->formats, "of masks, overlays, coco, rle, polygons, labels, probability")
      ->capture_default_str();
  command->add_option("--simplify", options->simplify, "pixels that polygons may stray from the mask")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--every", options->job.every, "of a video, each so many-th frame")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  add_automatic(*command, options->job.request.automatic);
  add_common(*command, *options);
  command->callback([options] { run(*options); });
}

}  // namespace cambium::cli
