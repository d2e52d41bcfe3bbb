#pragma once
// Private to io/video*: FFmpeg's objects with owners, and its errors as ours.
extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
}

#include <memory>
#include <string>

#include "core/error.h"

namespace cambium::io::ffmpeg {

struct Free {
  void operator()(AVCodecContext* context) const { avcodec_free_context(&context); }
  void operator()(AVFrame* frame) const { av_frame_free(&frame); }
  void operator()(AVPacket* packet) const { av_packet_free(&packet); }
  void operator()(SwsContext* scaler) const { sws_freeContext(scaler); }
};
using Codec = std::unique_ptr<AVCodecContext, Free>;
using Frame = std::unique_ptr<AVFrame, Free>;
using Packet = std::unique_ptr<AVPacket, Free>;
using Scaler = std::unique_ptr<SwsContext, Free>;

[[noreturn]] inline void fail(const std::string& what, const std::string& file, int code = 0,
                              const std::string& mend = "") {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  if (code < 0) av_strerror(code, text, sizeof text);
  throw Error({.what = what + (code < 0 ? std::string(": ") + text : ""), .file = file, .mend = mend});
}

// Codecs talk on standard error of their own accord; errors come back as codes all the same.
inline void be_quiet() { av_log_set_level(AV_LOG_QUIET); }

}  // namespace cambium::io::ffmpeg
