#include "systems/video_ldm/image/request.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/error.h"

namespace cambium::systems::video_ldm {
namespace {

TEST(ImageRequest, SettingsComeBackWhole) {
  const ImageRequest request{.prompt = "a \"fox\"\n\xe2\x98\x83",
                             .negative = "blur",
                             .width = 640,
                             .height = 384,
                             .seed = 18446744073709551615U,
                             .steps = 17,
                             .guidance = 5.25,
                             .guidance_rescale = 0.7,
                             .scheduler = "dpmpp",
                             .karras = true,
                             .eta = 0.5,
                             .clip_skip = 1,
                             .image = "a.png",
                             .strength = 0.6,
                             .noise_level = 30};
  ImageRequest read;
  apply_json(nlohmann::json::parse(to_json(request).dump()), "a test", read);
  EXPECT_EQ(to_json(read), to_json(request));
  EXPECT_EQ(read.seed, request.seed);
}

TEST(ImageRequest, SettingsThatAreNotThereStay) {
  ImageRequest request{.prompt = "kept", .steps = 9};
  apply_json({{"guidance", 3}}, "a test", request);
  EXPECT_EQ(request.prompt, "kept");
  EXPECT_EQ(request.steps, 9);
  EXPECT_EQ(request.guidance, 3);
  EXPECT_THROW(apply_json({{"steps", "many"}}, "a test", request), Error);
}

TEST(ImageRequest, SizesAreWidthByHeight) {
  ImageRequest request;
  parse_size("768x512", request);
  EXPECT_EQ(request.width, 768);
  EXPECT_EQ(request.height, 512);
  for (const char* bad : {"", "512", "512x", "x512", "0x512", "512x-8", "512x512x3", "512 x 512"})
    EXPECT_THROW(parse_size(bad, request), UsageError) << bad;
}

TEST(ImageRequest, ChecksWhatNoModelCanDo) {
  EXPECT_NO_THROW(ImageRequest{}.validate());
  EXPECT_THROW((ImageRequest{.batch = 0}.validate()), UsageError);
  EXPECT_THROW((ImageRequest{.steps = 0}.validate()), UsageError);
  EXPECT_THROW((ImageRequest{.guidance_rescale = 2}.validate()), UsageError);
  EXPECT_THROW((ImageRequest{.image = "a.png", .strength = 0}.validate()), UsageError);
  EXPECT_NO_THROW((ImageRequest{.strength = 0}.validate()));  // read where there is a picture alone
}

TEST(ImageRequest, TheSamplerIsTheModelsUnlessSaidOtherwise) {
  const latent_diffusion::SchedulerOptions model{.kind = latent_diffusion::SchedulerKind::pndm,
                                                 .prediction = latent_diffusion::Prediction::velocity};
  EXPECT_EQ(kind_name(sampler_options({}, model)), "pndm");
  const auto other = sampler_options({.scheduler = "dpmpp_sde", .karras = true}, model);
  EXPECT_EQ(kind_name(other), "dpmpp_sde");
  EXPECT_EQ(other.prediction, latent_diffusion::Prediction::velocity);
  EXPECT_EQ(other.sigmas, latent_diffusion::SigmaSpacing::karras);
  EXPECT_THROW(sampler_options({.scheduler = "heun"}, model), UsageError);
}

}  // namespace
}  // namespace cambium::systems::video_ldm
