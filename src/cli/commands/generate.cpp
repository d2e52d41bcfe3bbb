#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/options.h"
#include "core/progress.h"
#include "systems/video_ldm/image/run.h"
#include "systems/video_ldm/image/settings.h"

namespace cambium::cli {
namespace {

namespace video_ldm = systems::video_ldm;

struct GenerateCommand : CommonOptions {
  video_ldm::ImageJob job;
};

// The picture's settings come first, so that options beside --from win wherever they stand.
void take_settings(GenerateCommand& options, const std::string& file) {
  const nlohmann::json settings = video_ldm::read_settings(file);
  video_ldm::apply_json(settings, file, options.job.request);
  options.seed = options.job.request.seed;
  if (const auto found = settings.find("weights"); found != settings.end() && found->is_string())
    options.job.weights = found->get<std::string>();
}

void run(GenerateCommand& options) {
  options.job.request.seed = options.seed;
  if (options.job.weights.empty()) throw CLI::RequiredError("--weights");
  const video_ldm::ImageOutcome outcome = video_ldm::make_images(options.job, options.apply());
  for (size_t i = 0; i < outcome.files.size(); ++i)
    std::printf("%s: %lldx%lld, seed %llu\n", outcome.files[i].c_str(), static_cast<long long>(outcome.request.width),
                static_cast<long long>(outcome.request.height), static_cast<unsigned long long>(outcome.seeds[i]));
  std::printf("%s for %lld steps, %s in all\n", format_duration(outcome.sampling_seconds).c_str(),
              static_cast<long long>(outcome.request.steps),
              format_duration(outcome.opening_seconds + outcome.text_seconds + outcome.sampling_seconds +
                              outcome.decoding_seconds)
                  .c_str());
  write_json(options, to_json(outcome).dump(2));
}

void add_sampling(CLI::App& command, video_ldm::ImageRequest& request) {
  const std::string group = "Sampling";
  command.add_option("--steps", request.steps, "steps from noise to picture")->capture_default_str()->group(group);
  command.add_option("--guidance", request.guidance, "how hard the prompt pulls; 1 or less: the negative is not asked")
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--guidance-rescale", request.guidance_rescale,
                  "0 to 1, against overexposure by strong guidance; 0.7 is usual for v-prediction")
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--scheduler", request.scheduler,
                  "ddim, ddpm, pndm, euler, euler_a, dpmpp or dpmpp_sde (default: the model's own)")
      ->group(group);
  command.add_flag("--karras", request.karras, "noise levels after Karras et al. (euler, dpmpp)")->group(group);
  command.add_option("--eta", request.eta, "noise in ddim's steps, 0 to 1")->capture_default_str()->group(group);
  command.add_option("--clip-skip", request.clip_skip, "block of the text encoder to read, from the last")
      ->capture_default_str()
      ->group(group);
}

void add_picture(CLI::App& command, video_ldm::ImageRequest& request) {
  const std::string group = "From a picture";
  command.add_option("--image", request.image, "picture to begin from, or to enlarge with an upscaler's weights")
      ->group(group);
  command.add_option("--strength", request.strength, "how much of it may change, above 0 and up to 1")
      ->capture_default_str()
      ->group(group);
  command.add_option("--noise-level", request.noise_level, "noise on the picture that an upscaler enlarges, 0 to 350")
      ->capture_default_str()
      ->group(group);
}

}  // namespace

void add_generate(CLI::App& app) {
  auto options = std::make_shared<GenerateCommand>();
  video_ldm::ImageRequest& request = options->job.request;
  CLI::App* command = add_command(
      app, "generate", "make pictures from words (Stable Diffusion 1, 2, x4 upscaler)",
      "cambium generate --weights v1-5-pruned-emaonly.safetensors --prompt \"a lighthouse at dusk\" -o out.png");
  command->add_option("--weights", options->job.weights,
                      "a Stable Diffusion file or diffusers folder (docs/weights.md lists them)");
  command->add_option("--prompt", request.prompt, "what to show; (word:1.2) weighs a word");
  command->add_option("--negative", request.negative, "what not to show");
  command
      ->add_option_function<std::string>(
          "--from", [options](const std::string& file) { take_settings(*options, file); },
          "a PNG of this command: its settings, where no option says otherwise")
      ->trigger_on_parse();
  command
      ->add_option_function<std::string>(
          "--size", [options](const std::string& text) { video_ldm::parse_size(text, options->job.request); },
          "WIDTHxHEIGHT in pixels (default: the picture's, else the model's)")
      ->type_name("WxH");
  command->add_option("--batch", request.batch, "pictures to make at once, with seeds that follow each other")
      ->capture_default_str();
  command->add_option("-o,--out", options->job.out, "the .png to write; of several NAME-000.png, ...")->required();
  add_sampling(*command, request);
  add_picture(*command, request);
  add_common(*command, *options);
  command->callback([options] { run(*options); });
}

}  // namespace cambium::cli
