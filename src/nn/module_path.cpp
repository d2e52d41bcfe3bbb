#include "nn/module_path.h"

namespace cambium::nn {

torch::nn::Module& module_at(torch::nn::Module& root, const std::string& path) {
  torch::nn::Module* at = &root;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('.', begin), path.size());
    const std::string name = path.substr(begin, end - begin);
    std::shared_ptr<torch::nn::Module> child;
    for (const auto& item : at->named_children())
      if (item.key() == name) child = item.value();
    at = child ? child.get() : at->register_module(name, std::make_shared<torch::nn::Module>(name)).get();
    begin = end + 1;
  }
  return *at;
}

}  // namespace cambium::nn
