#include "models/video_ldm/frames.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tiny_video.h"

namespace cambium::video_ldm {
namespace {

TEST(Frames, FoldFrameFastest) {
  const at::Tensor videos = gaussian({2, 3, 4, 5, 6}, 1), images = fold_frames(videos);
  EXPECT_TRUE(at::equal(images[4], videos[1][1]));
  EXPECT_TRUE(at::equal(unfold_frames(images, 3), videos));
  EXPECT_TRUE(at::equal(repeat_for_frames(at::tensor({7, 8}), 3), at::tensor({7, 7, 7, 8, 8, 8})));
}

TEST(Frames, RowsOfChannelsLastImagesAreViewsAndChannelsLast) {
  const at::Tensor images = gaussian({6, 4, 5, 2}, 1);
  const at::Tensor last = images.contiguous(at::MemoryFormat::ChannelsLast), rows = frames_as_rows(last, 3);
  EXPECT_EQ(rows.sizes(), at::IntArrayRef({2, 4, 3, 10}));
  EXPECT_EQ(rows.data_ptr(), last.data_ptr());
  EXPECT_TRUE(rows.is_contiguous(at::MemoryFormat::ChannelsLast));
  EXPECT_TRUE(at::equal(rows[1].select(1, 2).view({4, 5, 2}), images[5]));
  const at::Tensor back = rows_as_frames(rows, 5, 2);
  EXPECT_EQ(back.data_ptr(), last.data_ptr());
  EXPECT_TRUE(at::equal(back, images));
  EXPECT_TRUE(at::equal(rows_as_frames(frames_as_rows(images, 3), 5, 2), images));
}

}  // namespace
}  // namespace cambium::video_ldm
