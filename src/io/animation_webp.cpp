// Animated WebP: frames by libwebpdemux's decoder, films by libwebpmux's encoder.
#include <webp/demux.h>
#include <webp/encode.h>
#include <webp/mux.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "core/error.h"
#include "io/animation_frames.h"

namespace cambium::io {
namespace {

struct Free {
  void operator()(WebPDemuxer* demuxer) const { WebPDemuxDelete(demuxer); }
  void operator()(WebPAnimDecoder* decoder) const { WebPAnimDecoderDelete(decoder); }
  void operator()(WebPAnimEncoder* encoder) const { WebPAnimEncoderDelete(encoder); }
};

// Sizes, times and loops, without decoding a frame.
AnimationInfo scan(const codec::Input& input, const WebPData& data) {
  WebPDemuxState state = WEBP_DEMUX_PARSE_ERROR;
  const std::unique_ptr<WebPDemuxer, Free> demuxer(WebPDemuxPartial(&data, &state));
  if (state == WEBP_DEMUX_PARSING_HEADER || state == WEBP_DEMUX_PARSED_HEADER) codec::fail_cut_short(input, "WebP");
  if (!demuxer || state != WEBP_DEMUX_DONE) codec::fail_corrupt(input, "WebP", "no film in its chunks");
  AnimationInfo info{.width = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_WIDTH),
                     .height = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_HEIGHT),
                     .loops = WebPDemuxGetI(demuxer.get(), WEBP_FF_LOOP_COUNT)};
  WebPIterator frame;
  int64_t milliseconds = 0;
  if (WebPDemuxGetFrame(demuxer.get(), 1, &frame)) {
    do {
      info.times.push_back(static_cast<double>(milliseconds) / 1000);
      milliseconds += frame.duration;
    } while (WebPDemuxNextFrame(&frame));
    WebPDemuxReleaseIterator(&frame);
  }
  info.seconds = static_cast<double>(milliseconds) / 1000;
  if (info.times.empty()) codec::fail_corrupt(input, "WebP", "it holds no frame");
  return info;
}

struct WebpAnimation : AnimationReader::Frames {
  WebpAnimation(std::string data_bytes, std::string name, const AnimationOptions& options)
      : Frames(std::move(data_bytes), std::move(name), options) {
    const WebPData data{reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
    info = scan(input(), data);
    blank = codec::allocate(input(), info.width, info.height, 4);
    WebPAnimDecoderOptions decoding;
    if (!WebPAnimDecoderOptionsInit(&decoding)) throw std::bad_alloc();
    decoding.color_mode = MODE_RGBA;
    decoder.reset(WebPAnimDecoderNew(&data, &decoding));
    if (!decoder) codec::fail_corrupt(input(), "WebP", "no film in its chunks");
  }

  Image canvas() override {
    uint8_t* pixels = nullptr;
    int end = 0;
    if (!WebPAnimDecoderGetNext(decoder.get(), &pixels, &end)) {
      codec::fail_corrupt(input(), "WebP", "frame " + std::to_string(position) + " cannot be decoded");
    }
    std::memcpy(blank.pixels.data(), pixels, blank.pixels.size());
    return blank;
  }

  std::unique_ptr<WebPAnimDecoder, Free> decoder;
  Image blank;  // RGBA
};

int milliseconds_of(double seconds) { return static_cast<int>(std::lround(seconds * 1000)); }

}  // namespace

std::unique_ptr<AnimationReader::Frames> open_webp_frames(std::string bytes, std::string source,
                                                          const AnimationOptions& options) {
  return std::make_unique<WebpAnimation>(std::move(bytes), std::move(source), options);
}

struct AnimatedWebpEncoder::State {
  int64_t width = 0, height = 0;
  WebPConfig config;
  std::unique_ptr<WebPAnimEncoder, Free> encoder;
  int last = -1;  // milliseconds of the last frame

  [[noreturn]] void fail() const {
    throw Error({.what = std::string("libwebp could not encode the film: ") + WebPAnimEncoderGetError(encoder.get())});
  }
};

AnimatedWebpEncoder::AnimatedWebpEncoder(int64_t width, int64_t height, const AnimatedWebpOptions& options)
    : state_(std::make_unique<State>()) {
  if (!(options.quality >= 0 && options.quality <= 100)) {
    throw UsageError({.what = "WebP quality " + std::to_string(options.quality) + " is not within 0 to 100"});
  }
  if (options.loops < 0 || options.loops > 65535) {
    throw UsageError({.what = "a WebP film is shown 1 to 65535 times, or without end (0)", .field = "loops"});
  }
  if (width < 1 || height < 1 || width > WEBP_MAX_DIMENSION || height > WEBP_MAX_DIMENSION) {
    throw Error({.what = "a film of " + std::to_string(width) + " x " + std::to_string(height) +
                         " pixels cannot be written as WebP, whose sides are 1 to " +
                         std::to_string(WEBP_MAX_DIMENSION)});
  }
  State& s = *state_;
  s.width = width;
  s.height = height;
  WebPAnimEncoderOptions encoding;
  if (!WebPAnimEncoderOptionsInit(&encoding) || !WebPConfigInit(&s.config)) throw std::bad_alloc();
  encoding.anim_params.loop_count = static_cast<int>(options.loops);
  s.config.quality = options.quality;
  if (options.lossless && !WebPConfigLosslessPreset(&s.config, 3)) throw std::bad_alloc();
  s.encoder.reset(WebPAnimEncoderNew(static_cast<int>(width), static_cast<int>(height), &encoding));
  if (!s.encoder) throw std::bad_alloc();
}

AnimatedWebpEncoder::~AnimatedWebpEncoder() = default;
AnimatedWebpEncoder::AnimatedWebpEncoder(AnimatedWebpEncoder&&) noexcept = default;

void AnimatedWebpEncoder::add(const Image& image, double time) {
  State& s = *state_;
  codec::check_encodable(image);
  if (image.channels != 3 || image.width != s.width || image.height != s.height) {
    throw Error({.what = "a frame of " + std::to_string(image.width) + " x " + std::to_string(image.height) +
                         " pixels does not fit a film of " + std::to_string(s.width) + " x " +
                         std::to_string(s.height)});
  }
  WebPPicture picture;
  if (!WebPPictureInit(&picture)) throw std::bad_alloc();
  const std::unique_ptr<WebPPicture, decltype(&WebPPictureFree)> owner(&picture, &WebPPictureFree);
  picture.use_argb = 1;
  picture.width = static_cast<int>(s.width);
  picture.height = static_cast<int>(s.height);
  s.last = std::max(milliseconds_of(time), s.last + 1);
  if (!WebPPictureImportRGB(&picture, image.pixels.data(), static_cast<int>(3 * image.width)) ||
      !WebPAnimEncoderAdd(s.encoder.get(), &picture, s.last, &s.config)) {
    s.fail();
  }
}

std::string AnimatedWebpEncoder::finish(double end) {
  State& s = *state_;
  if (s.last < 0) throw Error({.what = "a film without frames cannot be written"});
  WebPData data;
  WebPDataInit(&data);
  const std::unique_ptr<WebPData, decltype(&WebPDataClear)> owner(&data, &WebPDataClear);
  if (!WebPAnimEncoderAdd(s.encoder.get(), nullptr, std::max(milliseconds_of(end), s.last + 1), nullptr) ||
      !WebPAnimEncoderAssemble(s.encoder.get(), &data)) {
    s.fail();
  }
  return std::string(reinterpret_cast<const char*>(data.bytes), data.size);
}

}  // namespace cambium::io
