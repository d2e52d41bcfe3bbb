#pragma once
// Registering a module under a dotted name, with the modules on the way made where they are missing.
#include <torch/nn/module.h>

#include <memory>
#include <string>

namespace cambium::nn {

// The module that stands at `path` ("down_blocks.0.resnets") below `root`; bare modules are made where none is.
torch::nn::Module& module_at(torch::nn::Module& root, const std::string& path);

// register_at(root, "net.0.proj", layer): its parameters are called "net.0.proj.weight" and so on. Returns `module`.
template <class M>
std::shared_ptr<M> register_at(torch::nn::Module& root, const std::string& path, std::shared_ptr<M> module) {
  const size_t dot = path.rfind('.');
  torch::nn::Module& parent = dot == std::string::npos ? root : module_at(root, path.substr(0, dot));
  parent.register_module(path.substr(dot == std::string::npos ? 0 : dot + 1), module);
  return module;
}

}  // namespace cambium::nn
