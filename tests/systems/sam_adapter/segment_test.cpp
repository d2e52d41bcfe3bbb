// Prompts as users write them, and what a segmentation leaves on disk; the masks come from a stand-in for the network.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/progress.h"
#include "io/image_tensor.h"
#include "io/video.h"
#include "models/sam_adapter/tiny_sam.h"
#include "models/sam_adapter/weights.h"
#include "support/temporary_directory.h"
#include "systems/sam_adapter/segment/adapted_segmenter.h"
#include "systems/sam_adapter/segment/run.h"

namespace cambium::systems::sam_adapter {
namespace {

namespace fs = std::filesystem;

// A box around every prompt, or the left and right half for everything.
class Halves : public Segmenter {
 public:
  bool adapted() const override { return false; }
  Segmentation segment(const io::Image& rgb, const SegmentRequest& request, const std::string& file,
                       const std::function<void(int64_t, int64_t)>&) override {
    check_inside(request, rgb.height, rgb.width, file);
    Segmentation out{.height = rgb.height, .width = rgb.width};
    const auto add = [&](int64_t left, int64_t right) {
      at::Tensor mask = at::zeros({rgb.height, rgb.width}, at::kBool);
      mask.slice(1, left, right).fill_(true);
      out.segments.push_back({.mask = io::encode_rle(mask), .predicted_iou = 0.9});
      out.segments.back().area = io::rle_area(out.segments.back().mask);
    };
    if (request.everything) {
      add(0, rgb.width / 4);
      add(0, rgb.width);
    }
    for (const auto& point : request.points) add(static_cast<int64_t>(point.x), rgb.width);
    return out;
  }
};

struct SegmentFiles : testing::Test {
  SegmentFiles() { Progress::set_quiet(true); }
  fs::path path(const std::string& name) const { return folder.path() / name; }
  std::string picture(const std::string& name, int64_t width, int64_t height) const {
    io::Image image(width, height, 3);
    for (size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<uint8_t>(i * 7);
    fs::create_directories(path(name).parent_path());
    io::save_image(path(name), image);
    return path(name).string();
  }
  SegmentOutcome run(SegmentJob job) const {
    job.out = path("out");
    Halves segmenter;
    return segment_files(segmenter, job);
  }
  test::TemporaryDirectory folder;
};

TEST(SegmentRequest, ReadsPointsAndBoxes) {
  EXPECT_EQ(parse_point("3,4.5").y, 4.5);
  EXPECT_TRUE(parse_point("3,4.5,1").object);
  EXPECT_FALSE(parse_point("3,4.5,0").object);
  for (const char* text : {"", "3", "3,", "3,4,2", "3,4,0,1", "a,b", "3;4", "3,4 ", "nan,1", "1e999,2"})
    EXPECT_THROW(parse_point(text), UsageError) << text;
  EXPECT_EQ(parse_box("1,2,3,4"), (std::array<double, 4>{1, 2, 3, 4}));
  for (const char* text : {"1,2,3", "3,2,1,4", "1,4,3,2", "1,2,3,4,5", "1,1,1,1", "x"})
    EXPECT_THROW(parse_box(text), UsageError) << text;
}

TEST(SegmentRequest, SaysWhatDoesNotGoTogether) {
  EXPECT_THROW(SegmentRequest{}.validate(false), UsageError);
  EXPECT_NO_THROW(SegmentRequest{}.validate(true));
  EXPECT_THROW((SegmentRequest{.points = {{1, 1}}}).validate(true), UsageError);
  EXPECT_THROW((SegmentRequest{.points = {{1, 1}}, .everything = true}).validate(false), UsageError);
  EXPECT_THROW((SegmentRequest{.points = {{1, 1, false}}}).validate(false), UsageError);
  EXPECT_THROW((SegmentRequest{.points = {{1, 1}}, .boxes = {{0, 0, 1, 1}, {0, 0, 2, 2}}}).validate(false), UsageError);
  EXPECT_NO_THROW((SegmentRequest{.boxes = {{0, 0, 1, 1}, {0, 0, 2, 2}}}).validate(false));
}

TEST(SegmentRequest, PointsLieInsideThePicture) {
  EXPECT_NO_THROW(check_inside({.points = {{9.5, 4.9}}, .boxes = {{0, 0, 10, 5}}}, 5, 10, "a.png"));
  EXPECT_THROW(check_inside({.points = {{10, 1}}}, 5, 10, "a.png"), UsageError);
  EXPECT_THROW(check_inside({.points = {{-1, 1}}}, 5, 10, "a.png"), UsageError);
  EXPECT_THROW(check_inside({.boxes = {{0, 0, 11, 5}}}, 5, 10, "a.png"), UsageError);
  try {
    check_inside({.points = {{700, 20}}}, 480, 640, "photo.jpg");
    FAIL();
  } catch (const UsageError& error) {
    const std::string text = error.what();
    for (const char* word : {"photo.jpg", "700,20", "640 x 480"}) EXPECT_NE(text.find(word), std::string::npos) << text;
  }
}

TEST(SegmentFormats, AreNamed) {
  const auto formats = SegmentFormats::parse("coco,labels");
  EXPECT_TRUE(formats.coco && formats.labels);
  EXPECT_FALSE(formats.masks || formats.overlays);
  EXPECT_THROW(SegmentFormats::parse(""), UsageError);
  EXPECT_THROW(SegmentFormats::parse("coco,label"), UsageError);
}

TEST_F(SegmentFiles, TellsASamFromAWholeAdapterByItsTensors) {
  const auto sam = cambium::sam_adapter::tiny_weights();
  io::write_safetensors(path("sam.safetensors"), sam.state.tensors);
  at::Generator generator = make_generator(2);
  const auto model = cambium::sam_adapter::from_sam(
      sam,
      {.sam = sam.options,
       .prompts = cambium::sam_adapter::SamAdapterOptions::fit({.scale_factor = 8}, sam.options.encoder)},
      {}, generator);
  io::write_safetensors(path("whole.safetensors"), nn::state_tensors(*model));
  EXPECT_FALSE(Segmenter::open({.weights = path("sam.safetensors")}, {})->adapted());
  EXPECT_TRUE(Segmenter::open({.weights = path("whole.safetensors")}, {})->adapted());
  EXPECT_THROW(Segmenter::open({.weights = path("whole.safetensors"), .size = 64}, {}), UsageError);
  EXPECT_THROW(Segmenter::open({.weights = path("nothing.safetensors")}, {}), Error);
}

TEST_F(SegmentFiles, WritesEveryFormat) {
  const std::string file = picture("photo.png", 20, 10);
  run({.inputs = {file},
       .request = {.everything = true},
       .formats = SegmentFormats::parse("masks,overlays,coco,rle,polygons,labels")});
  const io::Image first = io::load_image(path("out/masks/photo/000.png"));
  EXPECT_EQ(first.channels, 1);
  EXPECT_EQ(first.row(3)[4], 255);
  EXPECT_EQ(first.row(3)[5], 0);
  EXPECT_TRUE(fs::exists(path("out/masks/photo/001.png")));
  const io::Image labels = io::load_image(path("out/labels/photo.png"));
  EXPECT_EQ(labels.row(0)[0], 1);  // the smaller one on top
  EXPECT_EQ(labels.row(0)[19], 2);
  const io::Image overlay = io::load_image(path("out/overlays/photo.jpg"));
  EXPECT_EQ(overlay.width, 20);
  EXPECT_EQ(overlay.height, 10);

  const auto coco = nlohmann::json::parse(read_file(path("out/coco.json")));
  ASSERT_EQ(coco["annotations"].size(), 2u);
  EXPECT_EQ(coco["annotations"][0]["area"], 50);
  EXPECT_EQ(coco["annotations"][0]["bbox"], nlohmann::json({0, 0, 5, 10}));
  EXPECT_EQ(coco["images"][0]["file_name"], "photo.png");
  const auto rle = nlohmann::json::parse(read_file(path("out/rle/photo.json")));
  const auto& mask = rle["annotations"][1]["segmentation"];
  EXPECT_EQ(io::rle_area(io::from_coco_string(mask["counts"].get<std::string>(), mask["size"][0], mask["size"][1])),
            200);
  const auto polygons = nlohmann::json::parse(read_file(path("out/polygons/photo.json")));
  EXPECT_EQ(polygons["shapes"][0]["points"], nlohmann::json({{0, 0}, {5, 0}, {5, 10}, {0, 10}}));
}

TEST_F(SegmentFiles, SkipsWhatCannotBeSegmentedAmongMany) {
  picture("set/a.png", 20, 10);
  picture("set/b/a.png", 30, 10);
  picture("set/a.jpg", 25, 10);
  picture("set/small.png", 4, 4);  // the point lies outside
  write_file(path("set/broken.png"), "\x89PNG\r\n\x1A\nand no more");
  const auto outcome = run({.inputs = {path("set").string()}, .request = {.points = {{15, 5}}}});
  EXPECT_EQ(outcome.files.size(), 3u);
  EXPECT_EQ(outcome.skipped.size(), 2u);
  for (const char* name : {"a.png", "a_png.png", "b/a.png"}) EXPECT_TRUE(fs::exists(path("out/masks") / name)) << name;
  EXPECT_EQ(io::load_image(path("out/masks/b/a.png")).width, 30);
}

TEST_F(SegmentFiles, OneThatFailsIsAnError) {
  const std::string small = picture("small.png", 4, 4);
  EXPECT_THROW(run({.inputs = {small}, .request = {.points = {{15, 5}}}}), UsageError);
  EXPECT_THROW(run({.inputs = {path("none.png").string()}, .request = {.everything = true}}), Error);
  fs::create_directories(path("empty"));
  EXPECT_THROW(run({.inputs = {path("empty").string()}, .request = {.everything = true}}), Error);
  write_file(path("bad/x.png"), "");
  write_file(path("bad/y.png"), "");
  EXPECT_THROW(run({.inputs = {path("bad").string()}, .request = {.everything = true}}), Error);
  write_file(path("file"), "");
  Halves segmenter;
  EXPECT_THROW(segment_files(segmenter, {.inputs = {small}, .request = {.everything = true}, .out = path("file")}),
               UsageError);
}

TEST_F(SegmentFiles, TakesAPictureOfOnePixel) {
  const std::string dot = picture("dot.png", 1, 1);
  const auto outcome = run({.inputs = {dot},
                            .request = {.points = {{0, 0}}},
                            .formats = SegmentFormats::parse("masks,overlays,polygons,labels,coco")});
  EXPECT_EQ(outcome.files[0].segments, 1);
}

TEST_F(SegmentFiles, TakesVideosFrameByFrame) {
  {
    io::VideoWriter writer(path("film.mp4"), {.width = 64, .height = 48, .frames_per_second = 5});
    for (int i = 0; i < 5; ++i) writer.add(io::Image(64, 48, 3), i / 5.0);
    writer.finish();
  }
  const auto outcome = run({.inputs = {path("film.mp4").string()}, .request = {.points = {{32, 5}}}, .every = 2});
  EXPECT_EQ(outcome.files[0].frames, 3);
  EXPECT_TRUE(fs::exists(path("out/masks/film/000004.png")));
  io::VideoReader overlay(path("out/overlays/film.mp4"));
  int64_t frames = 0;
  double last = 0;
  while (const auto frame = overlay.next()) {
    ++frames;
    last = frame->time;
  }
  EXPECT_EQ(frames, 3);
  EXPECT_NEAR(last, 0.8, 1e-3);
}

TEST(AdaptedSegmentation, IsTheMaskOfOneClass) {
  at::Tensor logits = at::full({1, 6, 8}, -3.0);
  logits[0].slice(1, 0, 4).fill_(3);
  const Segmentation result = from_logits(logits);
  ASSERT_EQ(result.segments.size(), 1u);
  EXPECT_EQ(result.segments[0].area, 24);
  EXPECT_EQ(result.probability.row(0)[0], std::lround(255 / (1 + std::exp(-3.0))));
  EXPECT_EQ(result.probability.row(0)[7], std::lround(255 / (1 + std::exp(3.0))));
}

TEST(AdaptedSegmentation, IsAMaskForEachClassThatIsThere) {
  at::Tensor logits = at::zeros({4, 6, 8});
  logits[0].fill_(1);
  logits[1].slice(1, 0, 2).fill_(5);
  logits[3].slice(1, 6, 8).fill_(5);
  const Segmentation result = from_logits(logits);
  ASSERT_EQ(result.segments.size(), 2u);  // class 2 is nowhere, class 0 is the background
  EXPECT_EQ(result.segments[0].category, 1);
  EXPECT_EQ(result.segments[1].category, 3);
  EXPECT_EQ(result.segments[1].area, 12);
}

TEST(Overlay, TintsTheMaskAlone) {
  io::Image image(60, 60, 3);
  at::Tensor mask = at::zeros({60, 60}, at::kBool);
  mask.slice(1, 30, 60).fill_(true);
  Segmentation segmentation{.height = 60, .width = 60, .segments = {{.mask = io::encode_rle(mask), .area = 1800}}};
  const io::Image overlay = draw_overlay(image, segmentation, {.points = {{10, 10}}});
  EXPECT_EQ(overlay.row(50)[3 * 20], 0);
  const auto colour = segment_colour(0);
  EXPECT_EQ(overlay.row(50)[3 * 45 + 2], std::lround(0.45 * colour[2]));  // inside
  EXPECT_EQ(overlay.row(50)[3 * 30 + 2], colour[2]);                      // its border
  EXPECT_EQ(overlay.row(10)[3 * 10 + 1], 200);                            // the point
  EXPECT_NE(segment_colour(1), segment_colour(2));
}

TEST(Overlay, NumbersManySegmentsInColour) {
  Segmentation segmentation{.height = 1, .width = 300};
  for (int64_t i = 0; i < 300; ++i) {
    at::Tensor mask = at::zeros({1, 300}, at::kBool);
    mask[0][i] = true;
    segmentation.segments.push_back({.mask = io::encode_rle(mask), .area = 1});
  }
  const io::Image labels = draw_labels(segmentation);
  ASSERT_EQ(labels.channels, 3);
  EXPECT_EQ(labels.row(0)[3 * 299] + 256 * labels.row(0)[3 * 299 + 1], 300);
}

}  // namespace
}  // namespace cambium::systems::sam_adapter
