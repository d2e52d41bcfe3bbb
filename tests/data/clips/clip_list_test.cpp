#include "data/clips/clip_list.h"

#include <gtest/gtest.h>

#include "data/clips/clip.h"
#include "data/loader.h"
#include "support/sentence.h"
#include "support/temporary_directory.h"
#include "toy_films.h"

namespace cambium::data {
namespace {

using test::says;
using test::sentence;

// clips.jsonl over a folder with a video, an animation and frames, all of 24 frames at 12 a second.
class ClipLists : public testing::Test {
 protected:
  void SetUp() override {
    test::write_video(path() / "a.mp4", 24, 12);
    test::write_animation(path() / "b.webp", test::even_times(24, 12), 2);
    test::write_folder(path() / "c", 24);
    list(R"({"path": "a.mp4", "caption": "a grey film", "kind": "video"}
{"path": "b.webp", "caption": ["b", "also b"]}

{"path": "c", "fps": 12}
)");
  }
  const std::filesystem::path& path() const { return folder_.path(); }
  std::filesystem::path list(const std::string& rows) {
    write_file(path() / "clips.jsonl", rows);
    return path() / "clips.jsonl";
  }

 private:
  test::TemporaryDirectory folder_;
};

TEST_F(ClipLists, GivesFilmsWithTheirWords) {
  const auto clips = open_clip_list(path() / "clips.jsonl", {.extra_columns = {"kind"}});
  ASSERT_EQ(clips->size(), 3);
  const Sample sample = clips->get(0);
  EXPECT_EQ(sample.key, "a.mp4");
  EXPECT_EQ(sample.captions, std::vector<std::string>{"a grey film"});
  EXPECT_EQ(sample.extra, (std::vector<std::vector<std::string>>{{"video"}}));
  EXPECT_EQ(clips->get(1).captions, (std::vector<std::string>{"b", "also b"}));
  EXPECT_TRUE(clips->get(2).captions.empty());
}

TEST_F(ClipLists, FingerprintFollowsTheContents) {
  const std::string first = open_clip_list(path() / "clips.jsonl")->fingerprint();
  EXPECT_EQ(open_clip_list(path() / "clips.jsonl")->fingerprint(), first);
  list(R"({"path": "a.mp4", "caption": "another film"})");
  EXPECT_NE(open_clip_list(path() / "clips.jsonl")->fingerprint(), first);
}

TEST_F(ClipLists, ListsAllFaultsByLine) {
  list(R"({"path": "a.mp4", "caption": "fine"}
{"caption": "nowhere"}
{"path": "gone.mp4"}
{"path": "c"}
{"path": "a.mp4", "fps": "fast"}
not json
)");
  const std::string complaint = sentence([&] { open_clip_list(path() / "clips.jsonl"); });
  for (const char* part :
       {"5 faults", "line 2", "line 3", "gone.mp4", "line 4", "without a rate", "line 5", "'fast'", "line 6"})
    EXPECT_TRUE(says(complaint, part));
  EXPECT_EQ(open_clip_list(path() / "clips.jsonl", {.skip_damaged = true})->size(), 1);
}

TEST_F(ClipLists, LeavesShortOnesOut) {
  test::write_animation(path() / "short.webp", test::even_times(5, 12), 5.0 / 12);
  list(R"({"path": "short.webp"}
{"path": "a.mp4"}
)");
  EXPECT_EQ(open_clip_list(path() / "clips.jsonl", {.frames = 8})->size(), 1);
  EXPECT_EQ(open_clip_list(path() / "clips.jsonl", {.frames = 3})->size(), 2);
  EXPECT_EQ(open_clip_list(path() / "clips.jsonl", {.frames = 3, .fps = 4})->size(), 1);
  EXPECT_TRUE(says(sentence([&] { open_clip_list(path() / "clips.jsonl", {.frames = 100}); }), "2 of 2 films"));
  EXPECT_TRUE(says(sentence([&] { open_clip_list(path() / "clips.jsonl", {.fps = 24}); }), "2 of 2 films"));
}

TEST_F(ClipLists, FoldersAreListsToo) {
  write_file(path() / "notes.txt", "no film");
  const auto clips = open_clip_folder(path(), {}, 12);
  ASSERT_EQ(clips->size(), 3);
  EXPECT_EQ(clips->get(0).key, "a.mp4");
  EXPECT_EQ(clips->entries()[2].timeline.fps, 12);
  EXPECT_TRUE(says(sentence([&] { open_clip_folder(path()); }), "without a rate"));
  EXPECT_TRUE(says(sentence([&] { open_clip_folder(path() / "a.mp4"); }), "is not a folder"));
  EXPECT_TRUE(says(sentence([&] { open_clip_folder(path() / "c", {}); }), "holds no films"));
}

TEST_F(ClipLists, RefusesSenselessOptions) {
  EXPECT_THROW(open_clip_list(path() / "clips.jsonl", {.frames = 0}), UsageError);
  EXPECT_THROW(open_clip_list(path() / "clips.jsonl", {.fps = -1}), UsageError);
}

TEST(ClipList, LastStartLeavesRoomForTheClip) {
  const Timeline film{.fps = 24, .frames = 72};
  EXPECT_EQ(last_start(film, 8, 0), 64);
  EXPECT_EQ(last_start(film, 8, 6), 71 - 28);
  EXPECT_EQ(last_start(film, 18, 6), 3);
  EXPECT_EQ(last_start(film, 19, 6), -1);
  EXPECT_EQ(last_start(film, 2, 30), -1);
  EXPECT_EQ(last_start(film, 72, 24.01), 0);
}

TEST_F(ClipLists, LoaderGoesOnExactlyWhereItWas) {
  const auto clips = open_clip_list(path() / "clips.jsonl");
  const ClipOptions options{.frames = 4, .fps = 6, .width = 16, .height = 16};
  const auto load = [&] {
    return std::make_unique<Loader<Clip>>(
        clips, [&](Sample&& sample, Rng& rng) { return draw_clip(*clips, sample.index, options, rng); },
        LoaderOptions{.stream = {.seed = 3}, .batch_size = 2, .threads = 2});
  };
  const auto first = load();
  for (int i = 0; i < 3; ++i) first->next();
  const auto state = first->state();
  const auto second = load();
  second->restore(state);
  for (int i = 0; i < 3; ++i) {
    const auto a = first->next(), b = second->next();
    EXPECT_TRUE(stack_clips(*a).equal(stack_clips(*b)));
    EXPECT_EQ((*a)[0].name, (*b)[0].name);
    EXPECT_EQ((*a)[0].start, (*b)[0].start);
  }
}

}  // namespace
}  // namespace cambium::data
