#pragma once
// PyTorch's own weights files, read without PyTorch and without running anything that stands in them:
// the zip container (torch.save since 1.6), the one before it, and TorchScript archives (torch.jit.save).
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "io/pickle_value.h"
#include "io/shared_bytes.h"
#include "io/state_dict.h"

namespace cambium::io {

class PthFile {
 public:
  enum class Container { zip, legacy, torchscript };

  // Maps the file. Stored tensors point into the private map and keep it alive; tensors that shared memory when saved
  // still do. Copied are only compressed members and, in the old container, storages that lie unaligned.
  // Errors name the file and what is at fault: truncated, damaged, a class or opcode that is not allowed, a tensor
  // outside its storage, a type not in dtype.h's list.
  static PthFile open(const std::filesystem::path& path);
  // The same over bytes; `source` names them in errors.
  static PthFile parse(const SharedBytes& bytes, const std::string& source);

  Container container() const { return container_; }
  const std::string& source() const { return source_; }
  // All that the file holds: {"model": ..., "optimizer": ..., "iteration": ...}. Lives as long as this object.
  const PickleValue& root() const { return *tree_->root; }

  // The model's tensors: of the value under `key`; without a key, of "model", "state_dict" or "model_state_dict" where
  // one holds tensors, else those at the top. TorchScript modules are walked into dotted names. "module." before every
  // name (DataParallel's) is removed. Tensors at the top beside the chosen value become extras.
  // Errors name the file and list the keys that would do.
  StateDict state_dict(std::string_view key = {}) const;
  // The same, but nothing where the file holds no tensors by name.
  std::optional<StateDict> find_state_dict(std::string_view key = {}) const;

 private:
  Container container_ = Container::zip;
  std::string source_;
  std::shared_ptr<PickleTree> tree_;
};

std::string_view container_name(PthFile::Container container);

StateDict read_pth(const std::filesystem::path& path, std::string_view key = {});

// Whether bytes begin as one of these files does. They may still be torn.
bool looks_like_pth(std::string_view bytes);

// Writes a file that torch.load(path, weights_only=True) reads: a flat dict of tensors or, where there are extras,
// {"model": dict, extra: tensor, ...}. Whole or not at all, one tensor at a time; equal tensors on the same memory stay
// one. `floating` converts floating tensors on the way. Errors: a type the list in dtype.h lacks, no space.
void write_pth(const std::filesystem::path& path, const StateDict& state,
               std::optional<c10::ScalarType> floating = std::nullopt);

}  // namespace cambium::io
