// BMP (Windows 2 to 5, OS/2): 1, 4, 8, 16, 24 and 32 bits a pixel, bit fields, run lengths. Debian packages no small
// reader.
#include <bit>

#include "io/image_codecs.h"

namespace cambium::io::codec {
namespace {

enum Compression : uint32_t { kNone = 0, kRle8 = 1, kRle4 = 2, kBitFields = 3, kAlphaBitFields = 6 };

class Reader {
 public:
  explicit Reader(const Input& input) : input_(input), bytes_(input.bytes) {}

  Image read() {
    read_header();
    switch (bits_) {
      case 1:
      case 4:
      case 8:
        read_palette();
        break;
      case 16:
      case 32:
        read_masks();
        break;
      case 24:
        break;
      default:
        corrupt(std::to_string(bits_) + " bits a pixel");
    }
    const bool runs = compression_ == kRle8 || compression_ == kRle4;
    if (runs && bits_ != (compression_ == kRle8 ? 8 : 4)) corrupt("run lengths that do not fit its bits a pixel");
    if (!runs && compression_ != kNone && !((bits_ == 16 || bits_ == 32) && has_masks())) {
      corrupt("compression " + std::to_string(compression_));
    }
    if (!runs) need_rows();
    image_ = allocate(input_, width_, height_, bits_ <= 8 ? (grey_ ? 1 : 3) : masks_[3] ? 4 : 3);
    runs ? read_runs() : read_rows();
    return std::move(image_);
  }

 private:
  bool has_masks() const { return compression_ == kBitFields || compression_ == kAlphaBitFields; }

  uint32_t number(size_t offset, int count) const {
    if (offset + count > bytes_.size()) fail_cut_short(input_, "BMP");
    uint32_t value = 0;
    for (int i = count - 1; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(bytes_[offset + i]);
    return value;
  }

  void read_header() {
    if (bytes_.size() < 26) fail_cut_short(input_, "BMP");
    pixel_offset_ = number(10, 4);
    header_size_ = number(14, 4);
    if (header_size_ == 12) {
      width_ = number(18, 2);
      height_ = number(20, 2);
      bits_ = number(24, 2);
      return;
    }
    if (header_size_ != 16 && header_size_ != 40 && header_size_ != 52 && header_size_ != 56 && header_size_ != 64 &&
        header_size_ != 108 && header_size_ != 124) {
      fail(input_, "not a picture, or of an unknown format", "it begins like a BMP file but has no header of one");
    }
    width_ = static_cast<int32_t>(number(18, 4));
    height_ = static_cast<int32_t>(number(22, 4));
    top_down_ = height_ < 0;
    if (top_down_) height_ = -height_;
    bits_ = number(28, 2);
    if (header_size_ < 40) return;
    compression_ = number(30, 4);
    colours_ = number(46, 4);
  }

  void read_palette() {
    const size_t entry = header_size_ == 12 ? 3 : 4;
    const size_t most = size_t{1} << bits_;
    const size_t count = colours_ ? std::min<size_t>(colours_, most) : most;
    const size_t start = 14 + header_size_;
    grey_ = true;
    for (size_t i = 0; i < count; ++i) {
      // Some writers store fewer colours than they claim: the pixels begin where they begin.
      if (start + (i + 1) * entry > pixel_offset_) break;
      for (int c = 0; c < 3; ++c) palette_[i][2 - c] = static_cast<uint8_t>(number(start + i * entry + c, 1));
      // A ramp from black to white is a grey picture, as Pillow sees it.
      const size_t level = count > 1 ? i * 255 / (count - 1) : 0;
      grey_ = grey_ && palette_[i][0] == level && palette_[i][1] == level && palette_[i][2] == level;
    }
    grey_ = grey_ && (count == 2 || count == 256);
  }

  void read_masks() {
    if (has_masks()) {
      // After a 40-byte header, or as part of a longer one: the same place.
      for (int c = 0; c < 3; ++c) masks_[c] = number(54 + 4 * c, 4);
      if (header_size_ >= 56 || compression_ == kAlphaBitFields) masks_[3] = number(66, 4);
    } else if (bits_ == 16) {
      masks_ = {0x7C00, 0x03E0, 0x001F, 0};
    } else {
      masks_ = {0x00FF0000, 0x0000FF00, 0x000000FF, 0};
    }
    for (int c = 0; c < 4; ++c) {
      if (c < 3 && !masks_[c]) corrupt("a colour without bits");
      if (!masks_[c]) continue;
      shifts_[c] = std::countr_zero(masks_[c]);
      const uint64_t top = masks_[c] >> shifts_[c];
      if (top & (top + 1)) corrupt("a colour whose bits do not adjoin");
    }
  }

  int64_t stride() const { return (width_ * bits_ + 31) / 32 * 4; }

  // Before allocating: a header may promise what the file does not hold.
  void need_rows() const {
    if (width_ <= 0 || height_ <= 0 || width_ > input_.options.max_side || height_ > input_.options.max_side) return;
    // The last row's padding may be missing.
    const int64_t needed = stride() * (height_ - 1) + (width_ * bits_ + 7) / 8;
    if (pixel_offset_ + static_cast<uint64_t>(needed) > bytes_.size()) fail_cut_short(input_, "BMP");
  }

  void read_rows() {
    for (int64_t y = 0; y < height_; ++y) {
      const auto* in = reinterpret_cast<const uint8_t*>(bytes_.data()) + pixel_offset_ + y * stride();
      uint8_t* out = output_row(y);
      switch (bits_) {
        case 24:
          for (int64_t x = 0; x < width_; ++x, in += 3, out += 3) {
            out[0] = in[2];
            out[1] = in[1];
            out[2] = in[0];
          }
          break;
        case 16:
        case 32: {
          for (int64_t x = 0; x < width_; ++x, out += image_.channels) {
            uint32_t pixel = 0;
            for (int i = bits_ / 8 - 1; i >= 0; --i) pixel = pixel << 8 | in[i];
            in += bits_ / 8;
            for (int c = 0; c < image_.channels; ++c) {
              const uint64_t top = masks_[c] >> shifts_[c];
              out[c] = static_cast<uint8_t>(((pixel & masks_[c]) >> shifts_[c]) * uint64_t{255} / top);
            }
          }
          break;
        }
        default: {
          const int per_byte = 8 / bits_, last = (1 << bits_) - 1;
          for (int64_t x = 0; x < width_; ++x) {
            const int shift = bits_ * (per_byte - 1 - static_cast<int>(x % per_byte));
            put(out + x * image_.channels, in[x / per_byte] >> shift & last);
          }
        }
      }
    }
  }

  // Run lengths (Microsoft's BI_RLE8 and BI_RLE4). What no run covers is colour 0.
  void read_runs() {
    for (int64_t y = 0; y < height_; ++y) {
      for (int64_t x = 0; x < width_; ++x) put(output_row(y) + x * image_.channels, 0);
    }
    size_t at = pixel_offset_;
    int64_t x = 0, y = 0;
    const auto set = [&](int index) {
      if (x < width_ && y < height_) put(output_row(y) + x * image_.channels, index);
      ++x;
    };
    while (y < height_) {
      const int count = static_cast<int>(number(at, 1)), value = static_cast<int>(number(at + 1, 1));
      at += 2;
      if (count) {
        for (int i = 0; i < count; ++i) set(bits_ == 8 ? value : i % 2 ? value & 15 : value >> 4);
      } else if (value == 0) {
        x = 0;
        ++y;
      } else if (value == 1) {
        return;
      } else if (value == 2) {
        x += number(at, 1);
        y += number(at + 1, 1);
        at += 2;
      } else {
        for (int i = 0; i < value; ++i) {
          const int byte = static_cast<int>(number(at + (bits_ == 8 ? i : i / 2), 1));
          set(bits_ == 8 ? byte : i % 2 ? byte & 15 : byte >> 4);
        }
        const size_t used = bits_ == 8 ? value : (value + 1) / 2;
        at += used + used % 2;
      }
    }
  }

  uint8_t* output_row(int64_t y) { return image_.row(top_down_ ? y : height_ - 1 - y); }

  void put(uint8_t* out, int index) const {
    for (int c = 0; c < image_.channels; ++c) out[c] = palette_[index][c];
  }

  [[noreturn]] void corrupt(const std::string& detail) const { fail_corrupt(input_, "BMP", detail); }

  const Input& input_;
  std::string_view bytes_;
  size_t pixel_offset_ = 0, header_size_ = 0;
  int64_t width_ = 0, height_ = 0;
  int bits_ = 0;
  bool top_down_ = false, grey_ = false;
  uint32_t compression_ = kNone, colours_ = 0;
  std::array<std::array<uint8_t, 3>, 256> palette_{};
  std::array<uint32_t, 4> masks_{};
  std::array<int, 4> shifts_{};
  Image image_;
};

}  // namespace

Decoded decode_bmp(const Input& input) { return {Reader(input).read()}; }

}  // namespace cambium::io::codec
