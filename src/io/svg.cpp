#include "io/svg.h"

#include <librsvg/rsvg.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>

#include "core/error.h"

namespace cambium::io {
namespace {

struct Unref {
  void operator()(RsvgHandle* handle) const { g_object_unref(handle); }
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
  void operator()(cairo_t* context) const { cairo_destroy(context); }
};

[[noreturn]] void fail(const std::string& source, GError* error) {
  std::string detail = error ? error->message : "unknown reason";
  g_clear_error(&error);
  std::replace(detail.begin(), detail.end(), '\n', ' ');
  throw Error({.what = "the SVG drawing cannot be rendered (" + detail + ")", .file = source});
}

// Cairo's native-endian 0xAARRGGBB, premultiplied.
void unpremultiply_row(const uint8_t* in, int64_t width, uint8_t* out) {
  for (int64_t x = 0; x < width; ++x, in += 4, out += 4) {
    uint32_t pixel = 0;
    std::memcpy(&pixel, in, 4);
    const uint32_t alpha = pixel >> 24;
    for (int c = 0; c < 3; ++c) {
      const uint32_t value = pixel >> (16 - 8 * c) & 255;
      out[c] = static_cast<uint8_t>(alpha ? std::min<uint32_t>(255, (value * 255 + alpha / 2) / alpha) : 0);
    }
    out[3] = static_cast<uint8_t>(alpha);
  }
}

}  // namespace

Image render_svg(std::string_view svg, const std::string& source, int64_t width, int64_t height) {
  constexpr int64_t kMostSide = 8192;
  if (width < 1 || height < 1 || width > kMostSide || height > kMostSide) {
    throw Error({.what = "an SVG drawing cannot be rendered at " + std::to_string(width) + " x " +
                         std::to_string(height) + " pixels",
                 .file = source,
                 .mend = "ask for 1 to " + std::to_string(kMostSide) + " a side"});
  }
  if (svg.empty()) throw Error({.what = "the file is empty, expected an SVG drawing", .file = source});
  GError* error = nullptr;
  const std::unique_ptr<RsvgHandle, Unref> handle(
      rsvg_handle_new_from_data(reinterpret_cast<const guint8*>(svg.data()), svg.size(), &error));
  if (!handle) fail(source, error);
  const std::unique_ptr<cairo_surface_t, Unref> surface(
      cairo_image_surface_create(CAIRO_FORMAT_ARGB32, static_cast<int>(width), static_cast<int>(height)));
  if (cairo_surface_status(surface.get()) != CAIRO_STATUS_SUCCESS) throw std::bad_alloc();
  const std::unique_ptr<cairo_t, Unref> context(cairo_create(surface.get()));
  const RsvgRectangle viewport{0, 0, static_cast<double>(width), static_cast<double>(height)};
  if (!rsvg_handle_render_document(handle.get(), context.get(), &viewport, &error)) fail(source, error);
  cairo_surface_flush(surface.get());
  Image image(width, height, 4);
  const unsigned char* rows = cairo_image_surface_get_data(surface.get());
  const int stride = cairo_image_surface_get_stride(surface.get());
  for (int64_t y = 0; y < height; ++y) unpremultiply_row(rows + y * stride, width, image.row(y));
  return image;
}

}  // namespace cambium::io
