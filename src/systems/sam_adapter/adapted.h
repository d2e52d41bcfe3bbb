#pragma once
// Trained adapters at work: one frozen SAM in memory, and as many deltas on it as one likes, each a call away.
#include <ATen/core/Tensor.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/device.h"
#include "io/image.h"
#include "models/sam/weights.h"
#include "models/sam_adapter/model.h"
#include "peft/delta.h"

namespace cambium::systems::sam_adapter {

// A SAM's weights, opened once and held once, in the dtype that they are multiplied in.
class Foundation {
 public:
  // Errors as sam::read_weights.
  static std::shared_ptr<Foundation> open(const std::filesystem::path& weights, const Compute& compute);

  const std::filesystem::path& path() const { return path_; }
  const Compute& compute() const { return compute_; }
  const cambium::sam::Weights& weights() const { return weights_; }
  const peft::Foundation& identity() const { return identity_; }

 private:
  std::filesystem::path path_;
  Compute compute_;
  cambium::sam::Weights weights_;             // frozen matrices already in compute.param_dtype
  peft::Foundation identity_;                 // of the weights as they came
  std::shared_ptr<torch::nn::Module> first_;  // the first model: later ones share its packed weights
  friend class Adapted;
};

// A task: a foundation and a delta together. Safe to call from several threads, one call at a time each.
class Adapted {
 public:
  // Errors as peft::read_delta and peft::check_foundation; a delta of another system. `allow` takes another foundation
  // of the same architecture. SAMed's LoRA files (.pth) are opened as well, and whole checkpoints of the original whose
  // backbone is this foundation.
  static std::shared_ptr<Adapted> open(const std::shared_ptr<Foundation>& foundation,
                                       const std::filesystem::path& delta, bool allow = false);
  // A whole SAM-Adapter checkpoint of the original, backbone included: its tensors as they were read.
  static std::shared_ptr<Adapted> open_whole(const io::StateDict& checkpoint, const Compute& compute);

  // 1: binary masks. More: one mask a class, the first being the background.
  int64_t classes() const { return model_->options().classes; }
  int64_t image_size() const { return image_size_; }
  const std::string& name() const { return name_; }      // the delta's file name without extension
  const std::string& method() const { return method_; }  // "adapter", "lora", ...

  // Mask logits at the picture's own size, float32 [classes, H, W]: binary masks are where they are > 0, those of
  // several classes where a class is the largest. The picture (grey, RGB or RGBA) is squashed to the network's square,
  // as in training.
  at::Tensor segment(const io::Image& image) const;
  // The same at the network's size, before it is brought back. image u8 [3, S, S] -> [classes, S, S]
  at::Tensor segment_square(const at::Tensor& image) const;

  const std::shared_ptr<cambium::sam_adapter::SamAdapter>& model() const { return model_; }

 private:
  void open_delta(const Foundation& foundation, const std::filesystem::path& file, bool allow);
  void open_foreign(const Foundation& foundation, const std::filesystem::path& file);
  void freeze();

  std::shared_ptr<cambium::sam_adapter::SamAdapter> model_;
  Compute compute_;
  int64_t image_size_ = 0;
  std::string name_, method_;
};

}  // namespace cambium::systems::sam_adapter
