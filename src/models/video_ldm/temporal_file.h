#pragma once
// phi in a file of its own (peft/delta.h): temporal layers are trained beside one U-Net and may be used over any other
// of the same sizes.
#include <ATen/core/Tensor.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/state_dict.h"
#include "models/video_ldm/temporal_layers.h"
#include "peft/delta.h"

namespace cambium::video_ldm {

// The whole file or none. `foundation`: of the U-Net's tensors; `recipe`: of the run, YAML; `floating` converts on the
// way (bfloat16 halves the file).
void write_temporal_layers(const std::filesystem::path& path, const TemporalLayers& layers,
                           const peft::Foundation& foundation, const std::string& recipe,
                           std::optional<c10::ScalarType> floating = std::nullopt);

struct TemporalFile {
  TemporalOptions options = {};
  peft::Delta delta = {};
};

// Maps the file. Error naming it where it is no delta, or one of another kind.
TemporalFile read_temporal_layers(const std::filesystem::path& path);

// The layers of a file, frozen, over a U-Net of these sizes; `foundation` is of its tensors and `weights` names it in
// errors. Error, one sentence, where the file belongs to a U-Net of other sizes.
std::shared_ptr<TemporalLayers> open_temporal_layers(const TemporalFile& file,
                                                     const latent_diffusion::UNetOptions& unet,
                                                     const peft::Foundation& foundation,
                                                     const std::filesystem::path& weights);

// Gives the layers what a Stable Video Diffusion U-Net has under the same names and in the same shapes: all of Stable
// Diffusion 2's, and of 1's all but the text's keys and values. `svd` in diffusers' names, its other tensors are
// ignored. -> the names that were not found and stay as they are. Error where none was found.
std::vector<std::string> warm_start(TemporalLayers& layers, const io::StateDict& svd);

}  // namespace cambium::video_ldm
