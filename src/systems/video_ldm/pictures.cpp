#include "systems/video_ldm/pictures.h"

#include "io/film.h"
#include "io/image_tensor.h"

namespace cambium::systems::video_ldm {

at::Tensor to_bytes(const at::Tensor& values) {
  return values.to(at::kFloat).add(1).mul(127.5).round().clamp(0, 255).to(at::kCPU, at::kByte);
}

at::Tensor tile(const at::Tensor& pictures, int64_t columns) {
  std::vector<io::Image> images;
  for (const at::Tensor& picture : pictures.unbind()) images.push_back(io::from_tensor(picture));
  return io::to_tensor(io::contact_sheet(images, columns));
}

train::Samples::Picture sample_picture(const std::string& name, const at::Tensor& pictures, int64_t columns) {
  const at::Tensor sheet = tile(pictures, columns);
  return {.name = name, .png = io::encode_png(io::from_tensor(sheet)), .width = sheet.size(2), .height = sheet.size(1)};
}

}  // namespace cambium::systems::video_ldm
