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
  // Seconds from the stream's start; none where the container has no stamp.
  std::optional<double> time_of(int64_t stamp) const;
  // The next packet of the stream; false at the end of the file.
  bool read_packet();
  // Hands the decoder its next packet, or the end.
  void feed();
  Image to_image();
  // Frames a second, for those without a stamp.
  double rate() const { return info.frames_per_second > 0 ? info.frames_per_second : 25; }
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

std::optional<double> VideoReader::State::time_of(int64_t stamp) const {
  if (stamp == AV_NOPTS_VALUE) return std::nullopt;
  const int64_t start = stream->start_time == AV_NOPTS_VALUE ? 0 : stream->start_time;
  return seconds_of(stamp - start, stream->time_base);
}

bool VideoReader::State::read_packet() {
  while (true) {
    av_packet_unref(packet.get());
    const int code = av_read_frame(input.get(), packet.get());
    if (code == AVERROR_EOF) return false;
    if (code < 0) ffmpeg::fail("reading stopped after " + std::to_string(decoded) + " frames", file, code);
    if (packet->stream_index == stream->index) return true;
  }
}

void VideoReader::State::feed() {
  while (read_packet()) {
    // A packet that cannot be decoded costs its frames, not the film.
    if (avcodec_send_packet(codec.get(), packet.get()) != AVERROR_INVALIDDATA) return;
  }
  flushed = true;
  avcodec_send_packet(codec.get(), nullptr);
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
  out.time = s.time_of(s.frame->best_effort_timestamp).value_or(static_cast<double>(s.decoded) / s.rate());
  ++s.decoded;
  out.image = s.to_image();
  av_frame_unref(s.frame.get());
  return out;
}

void VideoReader::seek(double seconds) {
  State& s = *state_;
  const int64_t start = s.stream->start_time == AV_NOPTS_VALUE ? 0 : s.stream->start_time;
  const int64_t stamp = start + std::llround(seconds / av_q2d(s.stream->time_base));
  if (av_seek_frame(s.input.get(), s.stream->index, stamp, AVSEEK_FLAG_BACKWARD) < 0) return;
  avcodec_flush_buffers(s.codec.get());
  s.flushed = false;
}

std::vector<double> VideoReader::packet_times() {
  State& s = *state_;
  std::vector<double> times;
  while (s.read_packet()) {
    if (s.packet->flags & AV_PKT_FLAG_DISCARD) continue;  // cut away by an edit list
    times.push_back(s.time_of(s.packet->pts).value_or(static_cast<double>(times.size()) / s.rate()));
  }
  std::sort(times.begin(), times.end());  // packets come in the order of decoding
  return times;
}

std::vector<double> video_frame_times(const std::filesystem::path& path) {
  std::vector<double> times = VideoReader(path).packet_times();
  if (times.empty()) ffmpeg::fail("its video has no frames", path.string());
  return times;
}

}  // namespace cambium::io
