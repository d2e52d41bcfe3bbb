#pragma once
// Private to io/image_gif.cpp and io/animation*.cpp: the frames of a GIF as they lie in the file, one by one, by
// giflib.
#include <gif_lib.h>

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "io/image_codecs.h"

namespace cambium::io::codec {

struct GifFrame {
  int64_t left = 0, top = 0;                             // of its corner on the screen
  Image indices;                                         // [height, width, 1]
  std::array<std::array<uint8_t, 4>, 256> palette = {};  // RGBA; the transparent index has alpha 0
  int transparent = -1;                                  // index, or none
  int disposal = 0;                                      // GIF89a's number: what becomes of it before the next one
  double seconds = 0;                                    // how long it is shown

  int64_t right() const { return left + indices.width; }
  int64_t bottom() const { return top + indices.height; }
  // Writes its pixels where they lie inside `canvas` (RGB or RGBA); transparent ones are left out unless `all`.
  void paint(Image& canvas, bool all) const;
};

// Everything of a frame but its pixels.
struct GifHeader {
  int transparent = -1;
  int disposal = 0;
  double seconds = 0;
};

class GifFrames {
 public:
  // Error where the bytes do not begin as a GIF. `input` must outlive it.
  explicit GifFrames(const Input& input);

  // Of the screen that the file announces; frames may reach beyond it.
  int64_t width() const { return gif_->SWidth; }
  int64_t height() const { return gif_->SHeight; }
  // How often the film is shown, as NETSCAPE's block says, 0 for without end; 1 until such a block was met.
  int64_t loops() const { return loops_; }

  // The next frame, or nothing at the end. Error where the file is cut short, corrupt or beyond the limits.
  std::optional<GifFrame> next();
  // The same without its pixels, which are not decompressed.
  std::optional<GifHeader> skip();

 private:
  struct Stream {
    std::string_view bytes;
    size_t position = 0;
  };
  struct Closer {
    void operator()(GifFileType* gif) const {
      int error = 0;
      DGifCloseFile(gif, &error);
    }
  };
  static int read(GifFileType* gif, GifByteType* out, int count);
  std::optional<GifHeader> find_frame();
  void read_extension(GifHeader& header);
  void read_pixels(Image& indices);
  [[noreturn]] void fail_with(int error);

  const Input& input_;
  Stream stream_;
  std::unique_ptr<GifFileType, Closer> gif_;
  int64_t loops_ = 1;
};

}  // namespace cambium::io::codec
