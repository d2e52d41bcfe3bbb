// WebP by libwebp; the first frame of an animation by libwebpdemux.
#include <webp/decode.h>
#include <webp/demux.h>
#include <webp/encode.h>

#include <cstring>

#include "core/error.h"
#include "io/image_codecs.h"

namespace cambium::io::codec {
namespace {

struct DemuxerDeleter {
  void operator()(WebPDemuxer* demuxer) const { WebPDemuxDelete(demuxer); }
};
struct AnimationDeleter {
  void operator()(WebPAnimDecoder* decoder) const { WebPAnimDecoderDelete(decoder); }
};

[[noreturn]] void fail_with(const Input& input, VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
      fail_cut_short(input, "WebP");
    case VP8_STATUS_OUT_OF_MEMORY:
      throw std::bad_alloc();
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      fail_corrupt(input, "WebP", "a feature that libwebp does not know");
    default:
      fail_corrupt(input, "WebP", "no picture in its bitstream");
  }
}

WebPData data_of(const Input& input) {
  return {reinterpret_cast<const uint8_t*>(input.bytes.data()), input.bytes.size()};
}

// RIFF says how long the file is: what is missing at the end is missing even if the first frame is whole.
bool is_cut_short(const Input& input) {
  const auto* b = reinterpret_cast<const uint8_t*>(input.bytes.data());
  if (input.bytes.size() < 12) return true;
  const uint64_t declared = b[4] | b[5] << 8 | b[6] << 16 | static_cast<uint64_t>(b[7]) << 24;
  return input.bytes.size() < declared + 8;
}

int orientation_of(const Input& input) {
  const WebPData data = data_of(input);
  const std::unique_ptr<WebPDemuxer, DemuxerDeleter> demuxer(WebPDemux(&data));
  WebPChunkIterator chunk;
  if (!demuxer || !WebPDemuxGetChunk(demuxer.get(), "EXIF", 1, &chunk)) return 1;
  const int orientation =
      exif_orientation(std::string_view(reinterpret_cast<const char*>(chunk.chunk.bytes), chunk.chunk.size));
  WebPDemuxReleaseChunkIterator(&chunk);
  return orientation;
}

Image first_frame(const Input& input, const WebPBitstreamFeatures& features) {
  Image canvas = allocate(input, features.width, features.height, 4);
  WebPAnimDecoderOptions options;
  if (!WebPAnimDecoderOptionsInit(&options)) throw std::bad_alloc();
  options.color_mode = MODE_RGBA;
  options.use_threads = 0;
  const WebPData data = data_of(input);
  const std::unique_ptr<WebPAnimDecoder, AnimationDeleter> decoder(WebPAnimDecoderNew(&data, &options));
  uint8_t* pixels = nullptr;
  int timestamp = 0;
  if (!decoder || !WebPAnimDecoderGetNext(decoder.get(), &pixels, &timestamp)) {
    if (is_cut_short(input)) fail_cut_short(input, "WebP");
    fail_corrupt(input, "WebP", "no first frame");
  }
  std::memcpy(canvas.pixels.data(), pixels, canvas.pixels.size());
  return features.has_alpha ? std::move(canvas) : to_rgb(std::move(canvas));
}

}  // namespace

Decoded decode_webp(const Input& input) {
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) throw std::bad_alloc();
  const WebPData data = data_of(input);
  if (const auto status = WebPGetFeatures(data.bytes, data.size, &config.input); status != VP8_STATUS_OK) {
    fail_with(input, status);
  }
  Decoded decoded;
  if (config.input.has_animation) {
    decoded.image = first_frame(input, config.input);
  } else {
    const int64_t channels = config.input.has_alpha ? 4 : 3;
    decoded.image = allocate(input, config.input.width, config.input.height, channels);
    config.output.colorspace = channels == 4 ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = decoded.image.pixels.data();
    config.output.u.RGBA.stride = static_cast<int>(decoded.image.width * channels);
    config.output.u.RGBA.size = decoded.image.pixels.size();
    const auto status = WebPDecode(data.bytes, data.size, &config);
    WebPFreeDecBuffer(&config.output);
    if (status != VP8_STATUS_OK) fail_with(input, status);
  }
  if (input.options.apply_orientation) decoded.orientation = orientation_of(input);
  return decoded;
}

}  // namespace cambium::io::codec

namespace cambium::io {

std::string encode_webp(const Image& image, const WebpOptions& options) {
  codec::check_encodable(image);
  if (!(options.quality >= 0 && options.quality <= 100)) {
    throw UsageError({.what = "WebP quality " + std::to_string(options.quality) + " is not within 0 to 100"});
  }
  if (image.width > WEBP_MAX_DIMENSION || image.height > WEBP_MAX_DIMENSION) {
    throw Error({.what = "a picture of " + std::to_string(image.width) + " x " + std::to_string(image.height) +
                         " cannot be written as WebP, whose sides are at most " + std::to_string(WEBP_MAX_DIMENSION)});
  }
  if (image.channels == 1) return encode_webp(to_rgb(image), options);
  const int width = static_cast<int>(image.width), height = static_cast<int>(image.height);
  const int stride = static_cast<int>(image.width * image.channels);
  uint8_t* buffer = nullptr;
  size_t size = 0;
  if (image.channels == 4) {
    size = options.lossless ? WebPEncodeLosslessRGBA(image.pixels.data(), width, height, stride, &buffer)
                            : WebPEncodeRGBA(image.pixels.data(), width, height, stride, options.quality, &buffer);
  } else {
    size = options.lossless ? WebPEncodeLosslessRGB(image.pixels.data(), width, height, stride, &buffer)
                            : WebPEncodeRGB(image.pixels.data(), width, height, stride, options.quality, &buffer);
  }
  const std::unique_ptr<uint8_t, decltype(&WebPFree)> owner(buffer, &WebPFree);
  if (!size) throw Error({.what = "libwebp could not encode the picture"});
  return std::string(reinterpret_cast<const char*>(buffer), size);
}

}  // namespace cambium::io
