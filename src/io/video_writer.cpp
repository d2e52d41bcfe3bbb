#include <algorithm>
#include <cmath>

#include "core/atomic_file.h"
#include "io/ffmpeg.h"
#include "io/video.h"

namespace cambium::io {
namespace {

constexpr int kTicks = 90'000;  // a second: MPEG's clock, which every player takes

struct FreeOutput {
  void operator()(AVFormatContext* context) const {
    if (context->pb) avio_closep(&context->pb);
    avformat_free_context(context);
  }
};

}  // namespace

struct VideoWriter::State {
  State(const std::filesystem::path& path, const VideoWriterOptions& options)
      : target(path), file(path.string()), options(options) {}

  AtomicFile target;
  std::string file;
  VideoWriterOptions options;
  std::unique_ptr<AVFormatContext, FreeOutput> output;
  AVStream* stream = nullptr;
  ffmpeg::Codec codec;
  ffmpeg::Packet packet{av_packet_alloc()};
  ffmpeg::Frame frame{av_frame_alloc()};
  ffmpeg::Scaler scaler;
  int64_t last = -1;  // ticks of the last frame

  void open_codec();
  void open_file();
  // Encodes `picture`, or what is left at the end (null), and writes the packets that come out.
  void encode(const AVFrame* picture);
};

void VideoWriter::State::open_codec() {
  const bool vp9 = options.codec == VideoCodec::vp9;
  const AVCodec* encoder = avcodec_find_encoder(vp9 ? AV_CODEC_ID_VP9 : AV_CODEC_ID_H264);
  if (!encoder) ffmpeg::fail(std::string("FFmpeg here has no ") + (vp9 ? "VP9" : "H.264") + " encoder", file);
  codec.reset(avcodec_alloc_context3(encoder));
  codec->width = static_cast<int>(options.width & ~int64_t{1});
  codec->height = static_cast<int>(options.height & ~int64_t{1});
  codec->pix_fmt = AV_PIX_FMT_YUV420P;
  codec->time_base = {1, kTicks};
  codec->framerate = av_d2q(options.frames_per_second, 100'000);
  const bool hd = codec->height >= 720;
  codec->colorspace = hd ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M;
  codec->color_primaries = hd ? AVCOL_PRI_BT709 : AVCOL_PRI_SMPTE170M;
  codec->color_trc = hd ? AVCOL_TRC_BT709 : AVCOL_TRC_SMPTE170M;
  codec->color_range = AVCOL_RANGE_MPEG;
  codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  av_opt_set_int(codec->priv_data, "crf", options.quality, 0);
  if (vp9) {
    codec->bit_rate = 0;  // quality alone decides
    av_opt_set(codec->priv_data, "deadline", "good", 0);
    av_opt_set_int(codec->priv_data, "cpu-used", 4, 0);
  } else {
    av_opt_set(codec->priv_data, "preset", "veryfast", 0);
  }
  if (const int code = avcodec_open2(codec.get(), encoder, nullptr); code < 0) {
    ffmpeg::fail("a video of " + std::to_string(options.width) + " x " + std::to_string(options.height) +
                     " pixels cannot be encoded",
                 file, code);
  }
  frame->format = codec->pix_fmt;
  frame->width = codec->width;
  frame->height = codec->height;
  frame->colorspace = codec->colorspace;
  frame->color_range = codec->color_range;
  if (const int code = av_frame_get_buffer(frame.get(), 0); code < 0) ffmpeg::fail("cannot be written", file, code);
  scaler.reset(sws_getContext(codec->width, codec->height, AV_PIX_FMT_RGB24, codec->width, codec->height,
                              AV_PIX_FMT_YUV420P, SWS_BICUBIC | SWS_ACCURATE_RND, nullptr, nullptr, nullptr));
  sws_setColorspaceDetails(scaler.get(), sws_getCoefficients(SWS_CS_DEFAULT), 1, sws_getCoefficients(codec->colorspace),
                           0, 0, 1 << 16, 1 << 16);
}

void VideoWriter::State::open_file() {
  AVFormatContext* context = nullptr;
  const std::string temporary = target.temporary().string();
  const char* container = options.codec == VideoCodec::vp9 ? "webm" : "mp4";
  if (const int code = avformat_alloc_output_context2(&context, nullptr, container, temporary.c_str()); code < 0) {
    ffmpeg::fail("cannot be written", file, code);
  }
  output.reset(context);
  stream = avformat_new_stream(context, nullptr);
  stream->time_base = codec->time_base;
  stream->avg_frame_rate = codec->framerate;
  avcodec_parameters_from_context(stream->codecpar, codec.get());
  if (const int code = avio_open(&context->pb, temporary.c_str(), AVIO_FLAG_WRITE); code < 0) {
    ffmpeg::fail("cannot be written", file, code);
  }
  if (const int code = avformat_write_header(context, nullptr); code < 0) ffmpeg::fail("cannot be written", file, code);
}

void VideoWriter::State::encode(const AVFrame* picture) {
  if (const int code = avcodec_send_frame(codec.get(), picture); code < 0) ffmpeg::fail("encoding failed", file, code);
  while (true) {
    const int code = avcodec_receive_packet(codec.get(), packet.get());
    if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) return;
    if (code < 0) ffmpeg::fail("encoding failed", file, code);
    av_packet_rescale_ts(packet.get(), codec->time_base, stream->time_base);
    packet->stream_index = stream->index;
    if (const int written = av_interleaved_write_frame(output.get(), packet.get()); written < 0) {
      ffmpeg::fail("cannot be written", file, written);
    }
  }
}

VideoWriter::VideoWriter(const std::filesystem::path& path, const VideoWriterOptions& options) {
  ffmpeg::be_quiet();
  if (options.width < 2 || options.height < 2 || !(options.frames_per_second > 0)) {
    throw Error({.what = "a video of " + std::to_string(options.width) + " x " + std::to_string(options.height) +
                         " pixels cannot be encoded",
                 .file = path.string(),
                 .mend = "it needs two pixels a side and a frame rate"});
  }
  state_ = std::make_unique<State>(path, options);
  state_->open_codec();
  state_->open_file();
}

VideoWriter::~VideoWriter() = default;
VideoWriter::VideoWriter(VideoWriter&&) noexcept = default;

void VideoWriter::add(const Image& image, double time) {
  State& s = *state_;
  if (image.channels != 3 || image.width != s.options.width || image.height != s.options.height) {
    ffmpeg::fail("a frame of " + std::to_string(image.width) + " x " + std::to_string(image.height) +
                     " pixels does not fit a video of " + std::to_string(s.options.width) + " x " +
                     std::to_string(s.options.height),
                 s.file);
  }
  if (const int code = av_frame_make_writable(s.frame.get()); code < 0) ffmpeg::fail("encoding failed", s.file, code);
  const uint8_t* planes[4] = {image.pixels.data(), nullptr, nullptr, nullptr};
  const int strides[4] = {static_cast<int>(3 * image.width), 0, 0, 0};
  sws_scale(s.scaler.get(), planes, strides, 0, s.codec->height, s.frame->data, s.frame->linesize);
  s.frame->pts = std::max(static_cast<int64_t>(std::llround(time * kTicks)), s.last + 1);
  s.last = s.frame->pts;
  s.encode(s.frame.get());
}

void VideoWriter::finish() {
  State& s = *state_;
  s.encode(nullptr);
  if (const int code = av_write_trailer(s.output.get()); code < 0) ffmpeg::fail("cannot be written", s.file, code);
  s.output.reset();
  s.target.commit();
}

}  // namespace cambium::io
