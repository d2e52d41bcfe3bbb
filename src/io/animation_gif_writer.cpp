// Animated GIF by giflib: one palette for the whole film, so that colours do not shift from frame to frame.
#include <gif_lib.h>

#include <cmath>

#include "core/error.h"
#include "io/animation.h"
#include "io/image_codecs.h"
#include "io/palette.h"

namespace cambium::io {
namespace {

constexpr int kColours = 256;

struct Closer {
  void operator()(GifFileType* gif) const {
    int error = 0;
    EGifCloseFile(gif, &error);
  }
  void operator()(ColorMapObject* map) const { GifFreeMapObject(map); }
};
using Gif = std::unique_ptr<GifFileType, Closer>;
using Map = std::unique_ptr<ColorMapObject, Closer>;

int on_write(GifFileType* gif, const GifByteType* bytes, int count) {
  static_cast<std::string*>(gif->UserData)->append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(count));
  return count;
}

[[noreturn]] void fail(int code) {
  const char* text = GifErrorString(code);
  throw Error({.what = std::string("giflib could not encode the film: ") + (text ? text : "unknown error")});
}

void check(const Gif& gif, int result) {
  if (result == GIF_ERROR) fail(gif->Error);
}

Map colour_map(const std::vector<Colour>& palette) {
  Map map(GifMakeMapObject(kColours, nullptr));
  if (!map) throw std::bad_alloc();
  for (size_t i = 0; i < palette.size(); ++i) map->Colors[i] = {palette[i][0], palette[i][1], palette[i][2]};
  return map;
}

// How often the film is shown; 0 without end. Once is what a GIF without this block does.
void write_loops(const Gif& gif, int64_t loops) {
  if (loops == 1) return;
  const GifByteType count[3] = {1, static_cast<GifByteType>(loops & 255), static_cast<GifByteType>(loops >> 8)};
  check(gif, EGifPutExtensionLeader(gif.get(), APPLICATION_EXT_FUNC_CODE));
  check(gif, EGifPutExtensionBlock(gif.get(), 11, "NETSCAPE2.0"));
  check(gif, EGifPutExtensionBlock(gif.get(), sizeof count, count));
  check(gif, EGifPutExtensionTrailer(gif.get()));
}

void write_frame(const Gif& gif, Image indices, int64_t hundredths) {
  const GraphicsControlBlock control{.DisposalMode = DISPOSE_DO_NOT,
                                     .UserInputFlag = false,
                                     .DelayTime = static_cast<int>(hundredths),
                                     .TransparentColor = NO_TRANSPARENT_COLOR};
  GifByteType block[4];
  EGifGCBToExtension(&control, block);
  check(gif, EGifPutExtension(gif.get(), GRAPHICS_EXT_FUNC_CODE, sizeof block, block));
  check(gif, EGifPutImageDesc(gif.get(), 0, 0, static_cast<int>(indices.width), static_cast<int>(indices.height), false,
                              nullptr));
  for (int64_t y = 0; y < indices.height; ++y)
    check(gif, EGifPutLine(gif.get(), indices.row(y), static_cast<int>(indices.width)));
}

}  // namespace

std::string encode_animated_gif(std::span<const VideoFrame> frames, double end, int64_t loops) {
  if (frames.empty()) throw Error({.what = "a film without frames cannot be written"});
  if (loops < 0 || loops > 65535)
    throw UsageError({.what = "a GIF is shown 1 to 65535 times, or without end (0)", .field = "loops"});
  const int64_t width = frames[0].image.width, height = frames[0].image.height;
  PaletteBuilder builder;
  for (const VideoFrame& frame : frames) {
    codec::check_encodable(frame.image);
    if (frame.image.width != width || frame.image.height != height)
      throw Error({.what = "frames of different sizes cannot be one film"});
    builder.add(frame.image);
  }
  if (width > 65535 || height > 65535) throw Error({.what = "a GIF's sides are at most 65535 pixels"});

  const std::vector<Colour> palette = builder.build(kColours);
  const Map map = colour_map(palette);
  PaletteMapper mapper(palette);
  std::string bytes;
  int error = 0;
  Gif gif(EGifOpen(&bytes, on_write, &error));
  if (!gif) fail(error);
  EGifSetGifVersion(gif.get(), true);
  check(gif, EGifPutScreenDesc(gif.get(), static_cast<int>(width), static_cast<int>(height), 8, 0, map.get()));
  write_loops(gif, loops);
  // Delays are hundredths of a second: each ends where its frame does, so that rounding never adds up.
  int64_t begun = std::llround(frames[0].time * 100);
  for (size_t i = 0; i < frames.size(); ++i) {
    const double until = i + 1 < frames.size() ? frames[i + 1].time : end;
    const int64_t ends = std::max<int64_t>(std::llround(until * 100), begun + 2);  // less than 2 is shown as 10
    write_frame(gif, mapper.map(frames[i].image), ends - begun);
    begun = ends;
  }
  if (EGifCloseFile(gif.release(), &error) == GIF_ERROR) fail(error);
  return bytes;
}

}  // namespace cambium::io
