#include "parity/registry.h"

#include <array>

#include "parity/kinds/kinds.h"

namespace cambium::parity {
namespace {

struct Kind {
  std::string_view name;
  Check check;
};

// clang-format off
constexpr std::array kKinds = {
    Kind{"clip_tokenizer", check_clip_tokenizer},
    Kind{"clip_text", check_clip_text},
    Kind{"clip_vision", check_clip_vision},
    Kind{"key_map", check_key_map},
    Kind{"meru_lorentz_ops", check_meru_lorentz_ops},
    Kind{"meru_loss", check_meru_loss},
    Kind{"meru_ddp_loss", check_meru_ddp_loss},
    Kind{"meru_forward", check_meru_forward},
    Kind{"meru_train_trace", check_meru_train_trace},
    Kind{"meru_traversal", check_meru_traversal},
    Kind{"pil_resize", check_pil_resize},
    Kind{"sam_amg_formula", check_sam_amg_formula},
    Kind{"sam_amg_utils", check_sam_amg_utils},
    Kind{"sam_adapter_fft", check_sam_adapter_fft},
    Kind{"sam_adapter_forward", check_sam_adapter_forward},
    Kind{"sam_adapter_variants", check_sam_adapter_variants},
    Kind{"sam_adapter_vit_1024", check_sam_adapter_vit_1024},
    Kind{"sam_adapter_keys", check_sam_adapter_keys},
    Kind{"sam_adapter_train_trace", check_sam_adapter_train_trace},
    Kind{"samed_lora_encoder", check_samed_lora_encoder},
    Kind{"sam_predictor", check_sam_predictor},
    Kind{"sam_forward", check_sam_forward},
    Kind{"sam_relpos", check_sam_relpos},
    Kind{"sam_vit_1024", check_sam_vit_1024},
    Kind{"state_dict_keys", check_state_dict_keys},
    Kind{"hq_sam_forward", check_hq_sam_forward},
    Kind{"mobile_sam_encoder", check_mobile_sam_encoder},
    Kind{"sam_adapter_data", check_sam_adapter_data},
    Kind{"seg_metrics", check_seg_metrics},
    Kind{"unet2d", check_unet2d},
    Kind{"noise_schedules", check_noise_schedules},
    Kind{"schedulers", check_schedulers},
    Kind{"text_to_image", check_text_to_image},
    Kind{"image_to_image", check_image_to_image},
    Kind{"x4_upscale_loop", check_x4_upscale_loop},
    Kind{"metrics", check_metrics},
    Kind{"vae", check_vae},
    Kind{"temporal_vae", check_temporal_vae},
    Kind{"temporal_discriminator", check_temporal_discriminator},
    Kind{"temporal_decoder_finetune", check_temporal_decoder_finetune},
    Kind{"vldm_forward", check_vldm_forward},
    Kind{"vldm_alpha_modes", check_vldm_alpha_modes},
    Kind{"vldm_context", check_vldm_context},
    Kind{"vldm_train", check_vldm_train},
    Kind{"vldm_long_generation", check_vldm_long_generation},
};
// clang-format on

}  // namespace

Check find_check(std::string_view kind) {
  for (const auto& entry : kKinds) {
    if (entry.name == kind) return entry.check;
  }
  return nullptr;
}

}  // namespace cambium::parity
