#include "io/gif_frames.h"

#include <cstring>

namespace cambium::io::codec {
namespace {

// Browsers show what asks for less than 20 ms for 100 ms, and films are made with that in mind.
double seconds_of(int hundredths) { return hundredths < 2 ? 0.1 : hundredths / 100.0; }

// Without any colour map the indices are greys.
std::array<std::array<uint8_t, 4>, 256> palette_of(const ColorMapObject* map, int transparent) {
  std::array<std::array<uint8_t, 4>, 256> palette;
  for (int i = 0; i < 256; ++i) {
    if (!map) {
      palette[i] = {uint8_t(i), uint8_t(i), uint8_t(i), 255};
    } else if (i < map->ColorCount) {
      palette[i] = {map->Colors[i].Red, map->Colors[i].Green, map->Colors[i].Blue, 255};
    } else {
      palette[i] = {0, 0, 0, 255};
    }
  }
  if (transparent >= 0) palette[transparent & 255][3] = 0;
  return palette;
}

}  // namespace

void GifFrame::paint(Image& canvas, bool all) const {
  const int64_t end_x = std::min(right(), canvas.width), end_y = std::min(bottom(), canvas.height);
  if (left >= end_x) return;
  for (int64_t y = top; y < end_y; ++y) {
    const uint8_t* index = indices.row(y - top);
    uint8_t* out = canvas.row(y) + left * canvas.channels;
    for (int64_t x = left; x < end_x; ++x, ++index, out += canvas.channels) {
      if (all || *index != transparent) std::memcpy(out, palette[*index].data(), canvas.channels);
    }
  }
}

int GifFrames::read(GifFileType* gif, GifByteType* out, int count) {
  auto* stream = static_cast<Stream*>(gif->UserData);
  const size_t taken = std::min(static_cast<size_t>(std::max(count, 0)), stream->bytes.size() - stream->position);
  std::memcpy(out, stream->bytes.data() + stream->position, taken);
  stream->position += taken;
  return static_cast<int>(taken);
}

GifFrames::GifFrames(const Input& input) : input_(input), stream_{input.bytes} {
  int error = 0;
  gif_.reset(DGifOpen(&stream_, read, &error));
  if (!gif_) fail_with(error);
}

std::optional<GifFrame> GifFrames::next() {
  const auto header = find_frame();
  if (!header) return std::nullopt;
  const GifImageDesc& place = gif_->Image;
  if (place.Width <= 0 || place.Height <= 0) fail_corrupt(input_, "GIF", "a frame has no pixels");
  GifFrame frame{.left = place.Left,
                 .top = place.Top,
                 .indices = allocate(input_, place.Width, place.Height, 1),
                 .palette = palette_of(place.ColorMap ? place.ColorMap : gif_->SColorMap, header->transparent),
                 .transparent = header->transparent,
                 .disposal = header->disposal,
                 .seconds = header->seconds};
  read_pixels(frame.indices);
  return frame;
}

std::optional<GifHeader> GifFrames::skip() {
  const auto header = find_frame();
  if (!header) return std::nullopt;
  int size = 0;
  GifByteType* block = nullptr;
  if (DGifGetCode(gif_.get(), &size, &block) == GIF_ERROR) fail_with(gif_->Error);
  while (block) {
    if (DGifGetCodeNext(gif_.get(), &block) == GIF_ERROR) fail_with(gif_->Error);
  }
  return header;
}

// Reads records up to and including a frame's descriptor, and the graphics control block before it.
std::optional<GifHeader> GifFrames::find_frame() {
  GifHeader header{.seconds = seconds_of(0)};
  for (;;) {
    GifRecordType type = UNDEFINED_RECORD_TYPE;
    if (DGifGetRecordType(gif_.get(), &type) == GIF_ERROR) fail_with(gif_->Error);
    if (type == IMAGE_DESC_RECORD_TYPE) {
      if (DGifGetImageDesc(gif_.get()) == GIF_ERROR) fail_with(gif_->Error);
      return header;
    }
    if (type == TERMINATE_RECORD_TYPE) return std::nullopt;
    if (type == EXTENSION_RECORD_TYPE) read_extension(header);
  }
}

void GifFrames::read_extension(GifHeader& header) {
  int code = 0;
  GifByteType* block = nullptr;
  if (DGifGetExtension(gif_.get(), &code, &block) == GIF_ERROR) fail_with(gif_->Error);
  GraphicsControlBlock control;
  if (code == GRAPHICS_EXT_FUNC_CODE && block && DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK) {
    header = {.transparent = control.TransparentColor == NO_TRANSPARENT_COLOR ? -1 : control.TransparentColor,
              .disposal = control.DisposalMode,
              .seconds = seconds_of(control.DelayTime)};
  }
  const bool netscape =
      code == APPLICATION_EXT_FUNC_CODE && block && block[0] == 11 && std::memcmp(block + 1, "NETSCAPE2.0", 11) == 0;
  while (block) {
    if (DGifGetExtensionNext(gif_.get(), &block) == GIF_ERROR) fail_with(gif_->Error);
    if (netscape && block && block[0] == 3 && block[1] == 1) loops_ = block[2] | block[3] << 8;
  }
}

void GifFrames::read_pixels(Image& indices) {
  const int width = static_cast<int>(indices.width);
  const auto read_line = [&](int64_t y) {
    if (DGifGetLine(gif_.get(), indices.row(y), width) == GIF_ERROR) fail_with(gif_->Error);
  };
  if (gif_->Image.Interlace) {
    constexpr int kStart[] = {0, 4, 2, 1}, kStep[] = {8, 8, 4, 2};
    for (int pass = 0; pass < 4; ++pass) {
      for (int64_t y = kStart[pass]; y < indices.height; y += kStep[pass]) read_line(y);
    }
  } else {
    for (int64_t y = 0; y < indices.height; ++y) read_line(y);
  }
}

void GifFrames::fail_with(int error) {
  if (stream_.position >= input_.bytes.size()) fail_cut_short(input_, "GIF");
  const char* text = GifErrorString(error);
  fail_corrupt(input_, "GIF", text ? text : "unknown error");
}

}  // namespace cambium::io::codec
