// PNG by libpng.
#include <png.h>

#include <cstring>

#include "core/error.h"
#include "io/image_codecs.h"

namespace cambium::io::codec {
namespace {

// What libpng's callbacks see.
struct ReadState {
  std::string_view bytes;
  size_t position = 0;
  bool cut_short = false;
  char message[160] = "";
};

void on_read(png_structp png, png_bytep out, size_t count) {
  auto* state = static_cast<ReadState*>(png_get_io_ptr(png));
  if (count > state->bytes.size() - state->position) {
    state->cut_short = true;
    png_error(png, "cut short");
  }
  std::memcpy(out, state->bytes.data() + state->position, count);
  state->position += count;
}

void on_error(png_structp png, png_const_charp message) {
  auto* state = static_cast<ReadState*>(png_get_error_ptr(png));
  std::snprintf(state->message, sizeof state->message, "%s", message);
  png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}

// libpng leaves its functions by longjmp on errors: each step returns false in that case and holds nothing with a
// destructor; the caller throws.
class Reader {
 public:
  explicit Reader(std::string_view bytes) {
    state_.bytes = bytes;
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, &state_, on_error, on_warning);
    if (png_) info_ = png_create_info_struct(png_);
    if (!info_) throw std::bad_alloc();
  }
  ~Reader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  bool read_header(bool keep_palette) {
    if (setjmp(png_jmpbuf(png_))) return false;
    png_set_read_fn(png_, &state_, on_read);
    // Sizes are ours to judge, by one rule for all formats.
    png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_read_info(png_, info_);
    const int colour = png_get_color_type(png_, info_);
    indices_ = keep_palette && colour == PNG_COLOR_TYPE_PALETTE;
    if (indices_) {
      png_set_packing(png_);
      return true;
    }
    const bool key = png_get_valid(png_, info_, PNG_INFO_tRNS);
    if (colour == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png_);
    if (colour == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(png_);
    if (key) png_set_tRNS_to_alpha(png_);
    if (colour == PNG_COLOR_TYPE_GRAY_ALPHA || (colour == PNG_COLOR_TYPE_GRAY && key)) png_set_gray_to_rgb(png_);
    png_set_strip_16(png_);
    return true;
  }

  // The end of the file is not asked for: pixels that are all there count, as in Pillow.
  bool read_pixels(png_bytepp rows) {
    if (setjmp(png_jmpbuf(png_))) return false;
    png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    png_read_image(png_, rows);
    return true;
  }

  int64_t width() const { return png_get_image_width(png_, info_); }
  int64_t height() const { return png_get_image_height(png_, info_); }
  // After the transformations that read_header() asked for.
  int64_t channels() const {
    if (indices_) return 1;
    const int colour = png_get_color_type(png_, info_);
    const bool alpha = (colour & PNG_COLOR_MASK_ALPHA) || png_get_valid(png_, info_, PNG_INFO_tRNS);
    return alpha ? 4 : colour == PNG_COLOR_TYPE_GRAY ? 1 : 3;
  }
  std::string_view exif() const {
    png_bytep block = nullptr;
    png_uint_32 size = 0;
    if (!png_get_eXIf_1(png_, info_, &size, &block)) return {};
    return std::string_view(reinterpret_cast<const char*>(block), size);
  }

  [[noreturn]] void fail(const Input& input) const {
    if (state_.cut_short) fail_cut_short(input, "PNG");
    fail_corrupt(input, "PNG", state_.message);
  }

 private:
  ReadState state_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  bool indices_ = false;
};

struct WriteState {
  std::string bytes;
  std::string message;
};

void on_write(png_structp png, png_bytep bytes, size_t count) {
  static_cast<WriteState*>(png_get_io_ptr(png))->bytes.append(reinterpret_cast<const char*>(bytes), count);
}

void on_write_error(png_structp png, png_const_charp message) {
  static_cast<WriteState*>(png_get_error_ptr(png))->message = message;
  png_longjmp(png, 1);
}

class Writer {
 public:
  Writer() {
    png_ = png_create_write_struct(PNG_LIBPNG_VER_STRING, &state_, on_write_error, on_warning);
    if (png_) info_ = png_create_info_struct(png_);
    if (!info_) throw std::bad_alloc();
  }
  ~Writer() { png_destroy_write_struct(&png_, &info_); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  bool write(const Image& image, int level, png_textp text, int texts) {
    if (setjmp(png_jmpbuf(png_))) return false;
    png_set_write_fn(png_, &state_, on_write, nullptr);
    png_set_compression_level(png_, level);
    // Filters pay only where deflate looks for matches in earnest.
    if (level <= 1) png_set_filter(png_, 0, level == 0 ? PNG_FILTER_NONE : PNG_FILTER_SUB);
    const int colour = image.channels == 1   ? PNG_COLOR_TYPE_GRAY
                       : image.channels == 3 ? PNG_COLOR_TYPE_RGB
                                             : PNG_COLOR_TYPE_RGB_ALPHA;
    png_set_IHDR(png_, info_, static_cast<png_uint_32>(image.width), static_cast<png_uint_32>(image.height), 8, colour,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (texts) png_set_text(png_, info_, text, texts);
    png_write_info(png_, info_);
    for (int64_t y = 0; y < image.height; ++y) png_write_row(png_, image.row(y));
    png_write_end(png_, info_);
    return true;
  }

  WriteState& state() { return state_; }

 private:
  WriteState state_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
};

}  // namespace

Decoded decode_png(const Input& input) {
  Reader reader(input.bytes);
  if (!reader.read_header(input.options.keep_palette)) reader.fail(input);
  Decoded decoded{allocate(input, reader.width(), reader.height(), reader.channels())};
  if (input.options.apply_orientation) decoded.orientation = exif_orientation(reader.exif());
  std::vector<png_bytep> rows(decoded.image.height);
  for (int64_t y = 0; y < decoded.image.height; ++y) rows[y] = decoded.image.row(y);
  if (!reader.read_pixels(rows.data())) reader.fail(input);
  return decoded;
}

}  // namespace cambium::io::codec

namespace cambium::io {

std::string encode_png(const Image& image, const PngOptions& options) {
  codec::check_encodable(image);
  if (options.level < 0 || options.level > 9) {
    throw UsageError({.what = "PNG compression level " + std::to_string(options.level) + " is not within 0 to 9"});
  }
  std::vector<png_text> text;
  for (const auto& [key, value] : options.text) {
    if (key.empty() || key.size() > 79) {
      throw UsageError({.what = "a PNG text keyword has 1 to 79 characters, not " + std::to_string(key.size())});
    }
    png_text chunk{};
    chunk.compression = PNG_ITXT_COMPRESSION_NONE;  // the one kind whose text is UTF-8
    chunk.key = const_cast<char*>(key.c_str());
    chunk.text = const_cast<char*>(value.c_str());
    chunk.itxt_length = value.size();
    text.push_back(chunk);
  }
  codec::Writer writer;
  if (!writer.write(image, options.level, text.data(), static_cast<int>(text.size()))) {
    throw Error({.what = "the picture cannot be written as PNG (" + writer.state().message + ")"});
  }
  return std::move(writer.state().bytes);
}

}  // namespace cambium::io
