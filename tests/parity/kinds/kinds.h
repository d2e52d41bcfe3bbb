#pragma once
// The checks, one per kind of golden file; what each kind holds is said in its own .cpp.
#include "parity/registry.h"

namespace cambium::parity {

Results check_clip_tokenizer(const Golden& golden);
Results check_clip_text(const Golden& golden);
Results check_clip_vision(const Golden& golden);
Results check_key_map(const Golden& golden);
Results check_meru_lorentz_ops(const Golden& golden);
Results check_meru_loss(const Golden& golden);
Results check_meru_ddp_loss(const Golden& golden);
Results check_meru_forward(const Golden& golden);
Results check_meru_traversal(const Golden& golden);
Results check_meru_train_trace(const Golden& golden);
Results check_sam_adapter_fft(const Golden& golden);
Results check_sam_adapter_forward(const Golden& golden);
Results check_sam_adapter_variants(const Golden& golden);
Results check_sam_adapter_vit_1024(const Golden& golden);
Results check_sam_adapter_keys(const Golden& golden);
Results check_sam_adapter_train_trace(const Golden& golden);
Results check_samed_lora_encoder(const Golden& golden);
Results check_pil_resize(const Golden& golden);
Results check_sam_amg_formula(const Golden& golden);
Results check_sam_amg_utils(const Golden& golden);
Results check_sam_predictor(const Golden& golden);
Results check_sam_forward(const Golden& golden);
Results check_sam_relpos(const Golden& golden);
Results check_sam_vit_1024(const Golden& golden);
Results check_state_dict_keys(const Golden& golden);
Results check_sam_adapter_data(const Golden& golden);
Results check_seg_metrics(const Golden& golden);
Results check_metrics(const Golden& golden);
Results check_hq_sam_forward(const Golden& golden);
Results check_mobile_sam_encoder(const Golden& golden);
Results check_unet2d(const Golden& golden);
Results check_noise_schedules(const Golden& golden);
Results check_schedulers(const Golden& golden);
Results check_vae(const Golden& golden);
Results check_text_to_image(const Golden& golden);
Results check_image_to_image(const Golden& golden);
Results check_x4_upscale_loop(const Golden& golden);
Results check_temporal_vae(const Golden& golden);
Results check_temporal_discriminator(const Golden& golden);
Results check_temporal_decoder_finetune(const Golden& golden);
Results check_vldm_forward(const Golden& golden);
Results check_vldm_alpha_modes(const Golden& golden);
Results check_vldm_context(const Golden& golden);
Results check_vldm_train(const Golden& golden);
Results check_vldm_long_generation(const Golden& golden);

}  // namespace cambium::parity
