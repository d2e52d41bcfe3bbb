// The first frame of a GIF by giflib, on its canvas as Pillow paints it.
#include <gif_lib.h>

#include <cstring>

#include "io/image_codecs.h"

namespace cambium::io::codec {
namespace {

struct Stream {
  std::string_view bytes;
  size_t position = 0;
};

int on_read(GifFileType* gif, GifByteType* out, int count) {
  auto* stream = static_cast<Stream*>(gif->UserData);
  const size_t taken = std::min(static_cast<size_t>(std::max(count, 0)), stream->bytes.size() - stream->position);
  std::memcpy(out, stream->bytes.data() + stream->position, taken);
  stream->position += taken;
  return static_cast<int>(taken);
}

struct GifCloser {
  void operator()(GifFileType* gif) const {
    int error = 0;
    DGifCloseFile(gif, &error);
  }
};

class Reader {
 public:
  explicit Reader(const Input& input) : input_(input), stream_{input.bytes} {
    int error = 0;
    gif_.reset(DGifOpen(&stream_, on_read, &error));
    if (!gif_) fail_with(error);
  }

  Image read() {
    find_first_frame();
    const GifImageDesc& frame = gif_->Image;
    const ColorMapObject* map = frame.ColorMap ? frame.ColorMap : gif_->SColorMap;
    // A frame that reaches beyond the screen makes it larger.
    const int64_t width = std::max<int64_t>(gif_->SWidth, int64_t{frame.Left} + frame.Width);
    const int64_t height = std::max<int64_t>(gif_->SHeight, int64_t{frame.Top} + frame.Height);
    if (frame.Width <= 0 || frame.Height <= 0) fail_corrupt(input_, "GIF", "its first frame has no pixels");
    const bool alpha = transparent_ != NO_TRANSPARENT_COLOR;
    image_ = allocate(input_, width, height, alpha ? 4 : 3);
    build_palette(map, image_.channels);
    if (frame.Left > 0 || frame.Top > 0 || frame.Width < width || frame.Height < height) fill_ground();
    std::vector<GifPixelType> line(frame.Width);
    const auto read_line = [&](int64_t y) {
      if (DGifGetLine(gif_.get(), line.data(), frame.Width) == GIF_ERROR) fail_with(gif_->Error);
      uint8_t* out = image_.row(frame.Top + y) + frame.Left * image_.channels;
      for (const GifPixelType index : line) {
        std::memcpy(out, palette_[index].data(), image_.channels);
        out += image_.channels;
      }
    };
    if (frame.Interlace) {
      constexpr int kStart[] = {0, 4, 2, 1}, kStep[] = {8, 8, 4, 2};
      for (int pass = 0; pass < 4; ++pass) {
        for (int64_t y = kStart[pass]; y < frame.Height; y += kStep[pass]) read_line(y);
      }
    } else {
      for (int64_t y = 0; y < frame.Height; ++y) read_line(y);
    }
    return std::move(image_);
  }

 private:
  // Reads records up to and including the first frame's descriptor, and its graphics control block if there is one.
  void find_first_frame() {
    for (;;) {
      GifRecordType type = UNDEFINED_RECORD_TYPE;
      if (DGifGetRecordType(gif_.get(), &type) == GIF_ERROR) fail_with(gif_->Error);
      if (type == IMAGE_DESC_RECORD_TYPE) {
        if (DGifGetImageDesc(gif_.get()) == GIF_ERROR) fail_with(gif_->Error);
        return;
      }
      if (type == TERMINATE_RECORD_TYPE) fail_corrupt(input_, "GIF", "it holds no frame");
      if (type != EXTENSION_RECORD_TYPE) continue;
      int code = 0;
      GifByteType* block = nullptr;
      if (DGifGetExtension(gif_.get(), &code, &block) == GIF_ERROR) fail_with(gif_->Error);
      GraphicsControlBlock control;
      if (code == GRAPHICS_EXT_FUNC_CODE && block && DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK) {
        transparent_ = control.TransparentColor;
      }
      while (block) {
        if (DGifGetExtensionNext(gif_.get(), &block) == GIF_ERROR) fail_with(gif_->Error);
      }
    }
  }

  // Without any colour map the indices are greys.
  void build_palette(const ColorMapObject* map, int64_t channels) {
    for (int i = 0; i < 256; ++i) {
      if (!map) {
        palette_[i] = {uint8_t(i), uint8_t(i), uint8_t(i), 255};
      } else if (i < map->ColorCount) {
        palette_[i] = {map->Colors[i].Red, map->Colors[i].Green, map->Colors[i].Blue, 255};
      } else {
        palette_[i] = {0, 0, 0, 255};
      }
    }
    if (channels == 4) palette_[transparent_ & 255][3] = 0;
  }

  void fill_ground() {
    const auto& colour = palette_[image_.channels == 4 ? transparent_ & 255 : 0];
    for (int64_t i = 0; i < image_.width * image_.height; ++i) {
      std::memcpy(image_.pixels.data() + i * image_.channels, colour.data(), image_.channels);
    }
  }

  [[noreturn]] void fail_with(int error) {
    if (stream_.position >= input_.bytes.size()) fail_cut_short(input_, "GIF");
    const char* text = GifErrorString(error);
    fail_corrupt(input_, "GIF", text ? text : "unknown error");
  }

  const Input& input_;
  Stream stream_;
  std::unique_ptr<GifFileType, GifCloser> gif_;
  int transparent_ = NO_TRANSPARENT_COLOR;
  std::array<std::array<uint8_t, 4>, 256> palette_{};
  Image image_;
};

}  // namespace

Decoded decode_gif(const Input& input) { return {Reader(input).read()}; }

}  // namespace cambium::io::codec
