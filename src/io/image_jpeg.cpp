// JPEG by libjpeg-turbo's own interface rather than TurboJPEG's: it tells a file cut short from the harmless warnings
// that many real pictures cause, and bounds the scans of a hostile progressive one.
#include <csetjmp>
#include <cstdio>
#include <cstdlib>

#include <jpeglib.h>

#include <jerror.h>

#include "core/error.h"
#include "io/image_codecs.h"

namespace cambium::io::codec {
namespace {

constexpr int kMaxScans = 100;  // real files have about ten

struct ErrorManager {
  jpeg_error_mgr base;  // first, so that libjpeg's pointer is ours
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
  bool cut_short;
};

void on_error(j_common_ptr info) {
  auto* errors = reinterpret_cast<ErrorManager*>(info->err);
  errors->base.format_message(info, errors->message);
  std::longjmp(errors->jump, 1);
}

void on_message(j_common_ptr info, int level) {
  if (level >= 0) return;
  auto* errors = reinterpret_cast<ErrorManager*>(info->err);
  ++errors->base.num_warnings;
  if (errors->base.msg_code == JWRN_JPEG_EOF) {
    errors->cut_short = true;
    std::longjmp(errors->jump, 1);
  }
}

void on_progress(j_common_ptr info) {
  if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number > kMaxScans) {
    auto* errors = reinterpret_cast<ErrorManager*>(info->err);
    std::snprintf(errors->message, sizeof errors->message, "more than %d scans", kMaxScans);
    std::longjmp(errors->jump, 1);
  }
}

jpeg_error_mgr* prepare(ErrorManager& errors) {
  jpeg_std_error(&errors.base);
  errors.base.error_exit = on_error;
  errors.base.emit_message = on_message;
  errors.message[0] = 0;
  errors.cut_short = false;
  return &errors.base;
}

// libjpeg leaves its functions by longjmp on errors. Each step below therefore returns false in that case and holds
// nothing with a destructor; the caller throws.
class Reader {
 public:
  Reader() {
    info_.err = prepare(errors_);
    created_ = create();
  }
  ~Reader() {
    if (created_) jpeg_destroy_decompress(&info_);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  bool read_header(std::string_view bytes, bool keep_exif) {
    if (!created_) return false;
    if (setjmp(errors_.jump)) return false;
    jpeg_mem_src(&info_, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
    if (keep_exif) jpeg_save_markers(&info_, JPEG_APP0 + 1, 0xFFFF);
    jpeg_read_header(&info_, TRUE);
    switch (info_.num_components) {
      case 1:
        info_.out_color_space = JCS_GRAYSCALE;
        break;
      case 3:
        info_.out_color_space = JCS_RGB;
        break;
      case 4:
        info_.out_color_space = JCS_CMYK;
        break;
      default:
        std::snprintf(errors_.message, sizeof errors_.message, "%d components", info_.num_components);
        return false;
    }
    return true;
  }

  // width * height * num_components bytes into `out`.
  bool read_pixels(uint8_t* out) {
    if (setjmp(errors_.jump)) return false;
    progress_.progress_monitor = on_progress;
    info_.progress = &progress_;
    jpeg_start_decompress(&info_);
    const size_t stride = static_cast<size_t>(info_.output_width) * info_.num_components;
    while (info_.output_scanline < info_.output_height) {
      constexpr JDIMENSION kRows = 16;
      JSAMPROW rows[kRows];
      for (JDIMENSION i = 0; i < kRows; ++i) {
        const JDIMENSION y = std::min(info_.output_scanline + i, info_.output_height - 1);
        rows[i] = out + y * stride;
      }
      jpeg_read_scanlines(&info_, rows, std::min(kRows, info_.output_height - info_.output_scanline));
    }
    return true;
  }

  [[noreturn]] void fail(const Input& input) const {
    if (errors_.cut_short) fail_cut_short(input, "JPEG");
    fail_corrupt(input, "JPEG", errors_.message);
  }

  const jpeg_decompress_struct& info() const { return info_; }

 private:
  bool create() {
    if (setjmp(errors_.jump)) return false;
    jpeg_create_decompress(&info_);
    return true;
  }

  ErrorManager errors_;
  jpeg_decompress_struct info_{};
  jpeg_progress_mgr progress_{};
  bool created_ = false;
};

// Inks as Adobe writes them (inverted), to RGB as Pillow does: (255 - ink)(255 - black) / 255.
Image from_inverted_cmyk(const std::vector<uint8_t>& inks, Image rgb) {
  const uint8_t* in = inks.data();
  for (uint8_t* out = rgb.pixels.data(); out != rgb.pixels.data() + rgb.pixels.size(); out += 3, in += 4) {
    const int white = in[3];
    for (int c = 0; c < 3; ++c) {
      const int t = (255 - in[c]) * white + 128;
      out[c] = static_cast<uint8_t>(white - (((t >> 8) + t) >> 8));
    }
  }
  return rgb;
}

class Writer {
 public:
  Writer() { info_.err = prepare(errors_); }
  ~Writer() {
    jpeg_destroy_compress(&info_);
    std::free(buffer_);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  bool write(const Image& image, int quality) {
    if (setjmp(errors_.jump)) return false;
    jpeg_create_compress(&info_);
    jpeg_mem_dest(&info_, &buffer_, &size_);
    info_.image_width = static_cast<JDIMENSION>(image.width);
    info_.image_height = static_cast<JDIMENSION>(image.height);
    info_.input_components = static_cast<int>(image.channels);
    info_.in_color_space = image.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&info_);
    jpeg_set_quality(&info_, quality, TRUE);
    info_.optimize_coding = TRUE;
    if (image.channels == 3 && quality >= 90) info_.comp_info[0].h_samp_factor = info_.comp_info[0].v_samp_factor = 1;
    jpeg_start_compress(&info_, TRUE);
    while (info_.next_scanline < info_.image_height) {
      JSAMPROW row = const_cast<JSAMPROW>(image.row(info_.next_scanline));
      jpeg_write_scanlines(&info_, &row, 1);
    }
    jpeg_finish_compress(&info_);
    return true;
  }

  std::string bytes() const { return std::string(reinterpret_cast<const char*>(buffer_), size_); }
  const char* message() const { return errors_.message; }

 private:
  ErrorManager errors_;
  jpeg_compress_struct info_{};
  unsigned char* buffer_ = nullptr;
  unsigned long size_ = 0;
};

}  // namespace

Decoded decode_jpeg(const Input& input) {
  Reader reader;
  if (!reader.read_header(input.bytes, input.options.apply_orientation)) reader.fail(input);
  const jpeg_decompress_struct& info = reader.info();
  const bool inks = info.num_components == 4;
  Decoded decoded{allocate(input, info.image_width, info.image_height, inks ? 3 : info.num_components)};
  for (auto* marker = info.marker_list; marker; marker = marker->next) {
    const std::string_view block(reinterpret_cast<const char*>(marker->data), marker->data_length);
    if (block.starts_with("Exif")) {
      decoded.orientation = exif_orientation(block);
      break;
    }
  }
  if (inks) {
    std::vector<uint8_t> cmyk(static_cast<size_t>(info.image_width) * info.image_height * 4);
    if (!reader.read_pixels(cmyk.data())) reader.fail(input);
    decoded.image = from_inverted_cmyk(cmyk, std::move(decoded.image));
  } else if (!reader.read_pixels(decoded.image.pixels.data())) {
    reader.fail(input);
  }
  return decoded;
}

}  // namespace cambium::io::codec

namespace cambium::io {

std::string encode_jpeg(const Image& image, int quality) {
  codec::check_encodable(image);
  if (quality < 1 || quality > 100) {
    throw UsageError({.what = "JPEG quality " + std::to_string(quality) + " is not within 1 to 100"});
  }
  if (image.channels == 4) return encode_jpeg(to_rgb(image), quality);
  codec::Writer writer;
  if (!writer.write(image, quality)) {
    throw Error({.what = std::string("the picture cannot be written as JPEG (") + writer.message() + ")"});
  }
  return writer.bytes();
}

}  // namespace cambium::io
