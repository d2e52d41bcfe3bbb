#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>

#include "io/ffmpeg.h"
#include "io/video.h"

namespace cambium::io {
namespace {

struct CloseInput {
  void operator()(AVFormatContext* context) const { avformat_close_input(&context); }
};

double seconds_of(int64_t ticks, AVRational base) { return static_cast<double>(ticks) * av_q2d(base); }

// EXIF's number for the turn that the display matrix asks for; other angles are left.
int orientation_of(const AVStream& stream) {
  const uint8_t* matrix = av_stream_get_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX, nullptr);
  if (!matrix) return 1;
  const double turn = -av_display_rotation_get(reinterpret_cast<const int32_t*>(matrix));  // clockwise
  if (std::isnan(turn)) return 1;
  switch ((std::lround(turn / 90) % 4 + 4) % 4) {
    case 1:
      return 6;
    case 2:
      return 3;
    case 3:
      return 8;
    default:
      return 1;
  }
}

}  // namespace

bool has_video_extension(const std::filesystem::path& path) {
  static constexpr std::array kExtensions = {".mp4", ".m4v",  ".mov", ".avi", ".mkv", ".webm",
                                             ".mpg", ".mpeg", ".ts",  ".wmv", ".flv", ".ogv"};
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end();
}

struct VideoReader::State {
  std::string file;
  std::unique_ptr<AVFormatContext, CloseInput> input;
  AVStream* stream = nullptr;
  ffmpeg::Codec codec;
  ffmpeg::Packet packet{av_packet_alloc()};
  ffmpeg::Frame frame{av_frame_alloc()};
  ffmpeg::Scaler scaler;
  int orientation = 1;
  int64_t decoded = 0;
  bool flushed = false;
  VideoInfo info;

  void open();
  void describe();
  // Hands the decoder its next packet, or the end.
  void feed();
  Image to_image();
};

void VideoReader::State::open() {
  AVFormatContext* context = nullptr;
  if (const int code = avformat_open_input(&context, file.c_str(), nullptr, nullptr); code < 0) {
    ffmpeg::fail("cannot be read as a video", file, code);
  }
  input.reset(context);
  if (const int code = avformat_find_stream_info(context, nullptr); code < 0) {
    ffmpeg::fail("cannot be read as a video", file, code);
  }
  const AVCodec* decoder = nullptr;
  const int index = av_find_best_stream(context, AVMEDIA_TYPE_VIDEO, -1, -1, &decoder, 0);
  if (index == AVERROR_DECODER_NOT_FOUND) ffmpeg::fail("FFmpeg here has no decoder for its video", file);
  if (index < 0) ffmpeg::fail("holds no video", file);
  stream = context->streams[index];
  codec.reset(avcodec_alloc_context3(decoder));
  avcodec_parameters_to_context(codec.get(), stream->codecpar);
  codec->thread_count = 0;  // as many as there are cores
  codec->pkt_timebase = stream->time_base;
  if (const int code = avcodec_open2(codec.get(), decoder, nullptr); code < 0) {
    ffmpeg::fail("its video cannot be decoded", file, code);
  }
}

void VideoReader::State::describe() {
  orientation = orientation_of(*stream);
  info.width = codec->width;
  info.height = codec->height;
  if (orientation >= 5) std::swap(info.width, info.height);
  const AVRational rate = stream->avg_frame_rate.num > 0 ? stream->avg_frame_rate : stream->r_frame_rate;
  if (rate.num > 0 && rate.den > 0) info.frames_per_second = av_q2d(rate);
  if (stream->duration > 0) {
    info.seconds = seconds_of(stream->duration, stream->time_base);
  } else if (input->duration > 0) {
    info.seconds = static_cast<double>(input->duration) / AV_TIME_BASE;
  }
  info.frames = stream->nb_frames > 0 ? stream->nb_frames : std::llround(info.seconds * info.frames_per_second);
}

void VideoReader::State::feed() {
  while (true) {
    av_packet_unref(packet.get());
    const int code = av_read_frame(input.get(), packet.get());
    if (code == AVERROR_EOF) {
      flushed = true;
      avcodec_send_packet(codec.get(), nullptr);
      return;
    }
    if (code < 0) ffmpeg::fail("reading stopped after " + std::to_string(decoded) + " frames", file, code);
    if (packet->stream_index != stream->index) continue;
    // A packet that cannot be decoded costs its frames, not the film.
    if (avcodec_send_packet(codec.get(), packet.get()) != AVERROR_INVALIDDATA) return;
  }
}

Image VideoReader::State::to_image() {
  const int width = frame->width, height = frame->height;
  // Frames may change their size or format on the way; sws_getCachedContext makes a new scaler where they do.
  scaler.reset(sws_getCachedContext(scaler.release(), width, height, static_cast<AVPixelFormat>(frame->format), width,
                                    height, AV_PIX_FMT_RGB24, SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT,
                                    nullptr, nullptr, nullptr));
  if (!scaler) ffmpeg::fail("its pixel format cannot be converted to RGB", file);
  const int space = frame->colorspace == AVCOL_SPC_UNSPECIFIED ? (height >= 720 ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M)
                                                               : frame->colorspace;
  const int full_range = frame->color_range == AVCOL_RANGE_JPEG ? 1 : 0;
  sws_setColorspaceDetails(scaler.get(), sws_getCoefficients(space), full_range, sws_getCoefficients(SWS_CS_DEFAULT), 1,
                           0, 1 << 16, 1 << 16);
  // The scaler writes in blocks and may run over the end of a row: rows with room, then copied.
  const int stride = (3 * width + 63) / 64 * 64 + 64;
  std::vector<uint8_t> rows(static_cast<size_t>(stride) * height);
  uint8_t* planes[4] = {rows.data(), nullptr, nullptr, nullptr};
  const int strides[4] = {stride, 0, 0, 0};
  sws_scale(scaler.get(), frame->data, frame->linesize, 0, height, planes, strides);
  Image image(width, height, 3);
  for (int y = 0; y < height; ++y) {
    const uint8_t* row = rows.data() + static_cast<size_t>(stride) * y;
    std::copy(row, row + 3 * width, image.row(y));
  }
  return orient(std::move(image), orientation);
}

VideoReader::VideoReader(const std::filesystem::path& path) : state_(std::make_unique<State>()) {
  ffmpeg::be_quiet();
  state_->file = path.string();
  state_->open();
  state_->describe();
}

VideoReader::~VideoReader() = default;
VideoReader::VideoReader(VideoReader&&) noexcept = default;

const VideoInfo& VideoReader::info() const { return state_->info; }

std::optional<VideoFrame> VideoReader::next() {
  State& s = *state_;
  while (true) {
    const int code = avcodec_receive_frame(s.codec.get(), s.frame.get());
    if (code == 0) break;
    if (code == AVERROR_EOF) {
      if (s.decoded == 0) ffmpeg::fail("no frame of its video could be decoded", s.file);
      return std::nullopt;
    }
    if (code != AVERROR(EAGAIN) && code != AVERROR_INVALIDDATA) {
      ffmpeg::fail("decoding stopped after " + std::to_string(s.decoded) + " frames", s.file, code);
    }
    if (s.flushed && code == AVERROR(EAGAIN)) return std::nullopt;
    if (!s.flushed) s.feed();
  }
  VideoFrame out;
  const int64_t start = s.stream->start_time == AV_NOPTS_VALUE ? 0 : s.stream->start_time;
  const int64_t stamp = s.frame->best_effort_timestamp;
  const double rate = s.info.frames_per_second > 0 ? s.info.frames_per_second : 25;
  out.time =
      stamp == AV_NOPTS_VALUE ? static_cast<double>(s.decoded) / rate : seconds_of(stamp - start, s.stream->time_base);
  ++s.decoded;
  out.image = s.to_image();
  av_frame_unref(s.frame.get());
  return out;
}

}  // namespace cambium::io
