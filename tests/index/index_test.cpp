#include "index/index.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <fstream>

#include <nlohmann/json.hpp>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/random.h"
#include "support/temporary_directory.h"

namespace cambium::index {
namespace {

namespace fs = std::filesystem;

class IndexTest : public ::testing::Test {
 protected:
  fs::path folder() const { return directory_.path() / "index"; }

  static IndexOptions options(Storage storage = Storage::f32) {
    return {.space = Space::lorentz(0.7),
            .dimensions = 4,
            .storage = storage,
            .model = {.name = "meru vit_s", .path = "meru_vit_s.pth", .fingerprint = "ab12", .picture_size = 224}};
  }
  static std::vector<Item> items(int64_t first, int64_t count) {
    std::vector<Item> result;
    for (int64_t i = first; i < first + count; ++i)
      result.push_back({"pictures/" + std::to_string(i) + ".png", 100 + i, 1000 * i});
    return result;
  }
  static at::Tensor vectors(int64_t first, int64_t count) {
    at::Tensor result = at::empty({count, 4});
    for (int64_t i = 0; i < count; ++i) {
      auto generator = make_generator(static_cast<uint64_t>(first + i));
      result[i].copy_(at::randn({4}, generator));
    }
    return result;
  }
  // The path found nearest to item i's own embedding.
  static std::string nearest_to(const Index& index, int64_t i) {
    const auto hits = index.search(vectors(i, 1), {.k = 1});
    return hits[0].empty() ? "" : index.item(hits[0][0].row).path;
  }
  void make(int64_t count) const {
    Index index = Index::create(folder(), options());
    index.add(items(0, count), vectors(0, count));
    index.commit();
  }
  void replace_in(const std::string& name, const std::string& from, const std::string& to) const {
    std::string text = read_file(folder() / name);
    const size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    write_file(folder() / name, text.replace(at, from.size(), to));
  }

  test::TemporaryDirectory directory_;
};

TEST_F(IndexTest, KeepsWhatWasCommitted) {
  make(20);
  const Index index = Index::open(folder());
  EXPECT_EQ(index.size(), 20);
  for (const int64_t i : {0, 7, 19}) EXPECT_EQ(nearest_to(index, i), "pictures/" + std::to_string(i) + ".png");
  EXPECT_EQ(index.manifest().space.curvature, 0.7);
  EXPECT_EQ(index.manifest().model.picture_size, 224);
  EXPECT_TRUE(index.is_current(items(3, 1)[0]));
  EXPECT_FALSE(index.is_current({"pictures/3.png", 103, 3001}));
  EXPECT_EQ(index.find("no such"), nullptr);
  EXPECT_TRUE(at::equal(index.vectors(), vectors(0, 20)));
}

TEST_F(IndexTest, AddsAndRemovesWithoutRebuilding) {
  make(10);
  {
    Index index = Index::open_for_writing(folder());
    EXPECT_TRUE(index.remove("pictures/4.png"));
    EXPECT_FALSE(index.remove("pictures/4.png"));
    index.add(items(10, 5), vectors(10, 5));
    EXPECT_EQ(nearest_to(index, 12), "pictures/12.png");  // before the commit
    index.commit();
  }
  const Index index = Index::open(folder());
  EXPECT_EQ(index.size(), 14);
  EXPECT_NE(nearest_to(index, 4), "pictures/4.png");
  EXPECT_EQ(nearest_to(index, 14), "pictures/14.png");
  EXPECT_EQ(index.info().removed, 1);
  EXPECT_EQ(index.rows().size(), 14u);
}

TEST_F(IndexTest, ReplacesAPathThatChanged) {
  make(5);
  Index index = Index::open_for_writing(folder());
  const std::vector<Item> changed = {{"pictures/2.png", 999, 5}};
  index.add(changed, vectors(77, 1));
  index.commit();
  EXPECT_EQ(index.size(), 5);
  EXPECT_EQ(nearest_to(index, 77), "pictures/2.png");
  EXPECT_EQ(index.find("pictures/2.png")->size, 999);
  index.compact();
  EXPECT_EQ(nearest_to(index, 77), "pictures/2.png");
}

TEST_F(IndexTest, CompactsToTheSameAnswers) {
  make(50);
  Index index = Index::open_for_writing(folder());
  const Index reader = Index::open(folder());
  for (int64_t i = 0; i < 50; i += 3) index.remove("pictures/" + std::to_string(i) + ".png");
  const std::string before = nearest_to(index, 9);
  const int64_t bytes = index.info().bytes;
  index.compact();
  EXPECT_EQ(index.info().removed, 0);
  EXPECT_LT(index.info().bytes, bytes);
  EXPECT_EQ(index.size(), 33);
  EXPECT_EQ(nearest_to(index, 9), before);
  EXPECT_EQ(nearest_to(index, 10), "pictures/10.png");
  EXPECT_FALSE(fs::exists(folder() / "vectors.1.bin"));
  EXPECT_EQ(nearest_to(reader, 9), "pictures/9.png");  // who was searching goes on undisturbed
  index.add(items(50, 1), vectors(50, 1));
  index.commit();
  EXPECT_EQ(nearest_to(Index::open(folder()), 50), "pictures/50.png");
}

TEST_F(IndexTest, WhatWasNotCommittedNeverWas) {
  make(10);
  {
    Index index = Index::open_for_writing(folder());
    index.add(items(10, 5), vectors(10, 5));
    index.remove("pictures/0.png");
  }
  EXPECT_EQ(Index::open(folder()).size(), 10);
  std::ofstream(folder() / "items.1.jsonl", std::ios::app) << "{\"path\": half a line";
  std::ofstream(folder() / "vectors.1.bin", std::ios::app) << "xyz";
  std::ofstream(folder() / "vectors.2.bin") << "a compaction that was killed";
  Index index = Index::open_for_writing(folder());
  EXPECT_EQ(index.size(), 10);
  EXPECT_FALSE(fs::exists(folder() / "vectors.2.bin"));
  index.add(items(20, 1), vectors(20, 1));
  index.commit();
  EXPECT_EQ(nearest_to(Index::open(folder()), 20), "pictures/20.png");
  EXPECT_EQ(nearest_to(Index::open(folder()), 0), "pictures/0.png");
}

TEST_F(IndexTest, ABuildThatIsKilledGoesOn) {
  // The child commits every third item and is killed in the middle; the parent goes on from what is there.
  Index::create(folder(), options());
  const pid_t child = fork();
  if (child == 0) {
    Index index = Index::open_for_writing(folder());
    for (int64_t i = 0; i < 8; ++i) {
      index.add(items(i, 1), vectors(i, 1));
      if (i % 3 == 2) index.commit();
    }
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  Index index = Index::open_for_writing(folder());  // the dead process's lock is gone
  EXPECT_EQ(index.size(), 6);
  for (const Item& item : items(0, 8)) {
    if (!index.is_current(item)) index.add(std::span(&item, 1), vectors(item.size - 100, 1));
  }
  index.commit();
  EXPECT_EQ(index.size(), 8);
  EXPECT_TRUE(at::equal(index.vectors(), vectors(0, 8)));
}

TEST_F(IndexTest, OneWriterAtATime) {
  make(3);
  const Index writer = Index::open_for_writing(folder());
  EXPECT_THROW(Index::open_for_writing(folder()), Error);
  EXPECT_EQ(Index::open(folder()).size(), 3);
  Index reader = Index::open(folder());
  EXPECT_THROW(reader.add(items(9, 1), vectors(9, 1)), Error);
  EXPECT_THROW(reader.remove("pictures/0.png"), Error);
}

TEST_F(IndexTest, StoresHalfPrecisionAndAnyFileName) {
  Index index = Index::create(folder(), options(Storage::bf16));
  const std::vector<Item> odd = {{"na\xFFme \"\n.png", 1, 2}, {"\u732B.png", 3, -4}};
  index.add(odd, vectors(0, 2));
  index.commit();
  const Index again = Index::open(folder());
  EXPECT_EQ(again.item(0), odd[0]);
  EXPECT_EQ(again.item(1), odd[1]);
  EXPECT_EQ(again.vectors().scalar_type(), at::kBFloat16);
  EXPECT_EQ(fs::file_size(folder() / "vectors.1.bin"), 2u * 4 * 2);
}

TEST_F(IndexTest, AnEmptyIndexFindsNothing) {
  Index index = Index::create(folder(), options());
  EXPECT_TRUE(index.search(vectors(0, 1))[0].empty());
  EXPECT_TRUE(index.levels(vectors(0, 3)).empty());
  index.compact();
  EXPECT_EQ(Index::open(folder()).size(), 0);
}

TEST_F(IndexTest, RefusesWrongEmbeddings) {
  Index index = Index::create(folder(), options());
  EXPECT_THROW(index.add(items(0, 2), vectors(0, 1)), Error);
  EXPECT_THROW(index.add(items(0, 1), at::zeros({1, 5})), Error);
  EXPECT_THROW(index.add(items(0, 1), at::full({1, 4}, NAN)), Error);
  const std::vector<Item> twice = {{"a", 1, 1}, {"a", 1, 1}};
  EXPECT_THROW(index.add(twice, vectors(0, 2)), Error);
  EXPECT_EQ(index.size(), 0);
  EXPECT_THROW(index.search(at::zeros({1, 5})), Error);
  EXPECT_THROW(index.item(0), Error);
}

TEST_F(IndexTest, RefusesFoldersThatAreNoPlaceForIt) {
  EXPECT_THROW(Index::open(folder()), Error);
  EXPECT_THROW(Index::open_for_writing(folder()), Error);
  EXPECT_FALSE(fs::exists(folder()));
  EXPECT_THROW(Index::create(folder(), {.dimensions = 0}), Error);
  fs::create_directories(folder());
  std::ofstream(folder() / "photo.jpg") << "mine";
  EXPECT_THROW(Index::create(folder(), options()), Error);
  EXPECT_TRUE(fs::exists(folder() / "photo.jpg"));
  fs::remove(folder() / "photo.jpg");
  make(1);
  EXPECT_THROW(Index::create(folder(), options()), Error);
}

TEST_F(IndexTest, DescribesItself) {
  make(3);
  const IndexInfo info = Index::open(folder()).info();
  EXPECT_EQ(to_json(info)["items"], 3);
  EXPECT_EQ(to_json(info)["space"], "lorentz");
  EXPECT_NE(to_text(info).find("3 items of 4 dimensions, f32"), std::string::npos);
}

TEST_F(IndexTest, SaysWhatIsWrongWithADamagedFolder) {
  struct Damage {
    std::string name, from, to, says;
  };
  for (const Damage& damage : std::vector<Damage>{
           {"index.json", "cambium-index", "other", "format"},
           {"index.json", "\"version\": 1", "\"version\": 2", "version"},
           {"index.json", "\"version\": 1", "\"version\": \"x\"", "version"},
           {"index.json", "\"rows\": 5", "\"rows\": 6", "vectors.1.bin"},
           {"index.json", "\"rows\": 5", "\"rows\": 4", "items.1.jsonl"},
           {"index.json", "\"rows\": 5", "\"rows\": -1", "rows"},
           {"index.json", "\"rows\": 5", "\"rows\": 18446744073709551615", "rows"},
           {"index.json", "\"rows\": 5", "\"rows\": 9000000000000000000", "rows"},
           {"index.json", "\"rows\": 5", "\"rows\": 1e3", "rows"},
           {"index.json", "\"dimensions\": 4", "\"dimensions\": 0", "dimensions"},
           {"index.json", "\"dimensions\": 4", "\"dimensions\": 99999999999", "dimensions"},
           {"index.json", "0.7", "-0.7", "curvature"},
           {"index.json", "0.7", "null", "curvature"},
           {"index.json", "lorentz", "flat", "space"},
           {"index.json", "f32", "f64", "storage"},
           {"index.json", "\"generation\": 1", "\"generation\": 7", "vectors.7.bin"},
           {"index.json", "{", "[", "index.json"},
           {"index.json", "\"model\": {", "\"modal\": {", "model"},
           {"items.1.jsonl", "pictures/2.png", "pictures/1.png", "line 3"},
           {"items.1.jsonl", "\"path\":\"pictures/0.png\"", "\"path\":17", "line 1, path"},
           {"items.1.jsonl", "\"path\":\"pictures/0.png\"", "\"path_hex\":\"0g\"", "line 1"},
           {"items.1.jsonl", "\"size\":102", "\"size\":-2", "line 3, size"},
           {"items.1.jsonl", "{\"path\":\"pictures/4.png\",\"size\":104,\"modified_ns\":4000}\n", "{\"remove\":9}\n",
            "line 5"},
           {"items.1.jsonl", "{\"path\":\"pictures/4.png\"", "{\"path\":\"pictures\xFF.png\"", "line 5"}}) {
    fs::remove_all(folder());
    make(5);
    replace_in(damage.name, damage.from, damage.to);
    if (damage.name != "index.json") {  // keep the committed length true: only the content is damaged
      const auto size = std::to_string(fs::file_size(folder() / damage.name));
      const std::string text = read_file(folder() / "index.json");
      const size_t at = text.find("\"items_bytes\": ") + 15;
      write_file(folder() / "index.json", text.substr(0, at) + size + text.substr(text.find('\n', at)));
    }
    try {
      Index::open(folder());
      ADD_FAILURE() << damage.from << " -> " << damage.to << " was accepted";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(damage.says), std::string::npos) << error.what();
    }
  }
}

TEST_F(IndexTest, SurvivesAnyTruncationOfItsFiles) {
  make(5);
  for (const char* name : {"index.json", "items.1.jsonl", "vectors.1.bin"}) {
    const std::string whole = read_file(folder() / name);
    for (size_t length = 0; length < whole.size() - 1; length += 17) {
      std::ofstream(folder() / name, std::ios::binary) << whole.substr(0, length);
      EXPECT_THROW(Index::open(folder()), Error) << name << " cut to " << length;
    }
    write_file(folder() / name, whole);
  }
  EXPECT_EQ(Index::open(folder()).size(), 5);
}

}  // namespace
}  // namespace cambium::index
