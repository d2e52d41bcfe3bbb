// The pickle interpreter against hostile and damaged input.
#include "io/pickle.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace cambium::io {
namespace {

using namespace std::string_literals;
using Kind = PickleValue::Kind;

PickleTree parse(const std::string& body) {
  size_t position = 0;
  return parse_pickle("\x80\x02"s + body, position, "a.pth");
}

std::string refusal(const std::string& body) {
  try {
    parse(body);
  } catch (const Error& error) {
    EXPECT_EQ(error.info().file, "a.pth");
    return error.what();
  }
  return "(accepted)";
}

void expect_refusal(const std::string& body, const std::string& says) {
  const std::string sentence = refusal(body);
  EXPECT_NE(sentence.find(says), std::string::npos) << sentence;
}

std::string text(const std::string& value) { return "X"s + static_cast<char>(value.size()) + "\0\0\0"s + value; }
std::string integer(int32_t value) { return "J"s + std::string(reinterpret_cast<const char*>(&value), 4); }
// 8 bytes, for sizes beyond 32 bits.
std::string long_integer(int64_t value) { return "\x8a\x08"s + std::string(reinterpret_cast<const char*>(&value), 8); }

const std::string kRebuild = "ctorch._utils\n_rebuild_tensor_v2\n";

std::string storage(const std::string& elements, const std::string& type = "ctorch\nFloatStorage\n",
                    const std::string& key = text("0")) {
  return "(" + text("storage") + type + key + text("cpu") + elements + "tQ";
}
std::string tensor(const std::string& offset, const std::string& sizes, const std::string& strides) {
  return kRebuild + "(" + storage(integer(6)) + offset + "(" + sizes + "t(" + strides + "t\x89}tR.";
}

TEST(Pickle, Values) {
  const PickleTree tree = parse("(NK\x05M\x01\x02" + integer(-3) + long_integer(-(int64_t{1} << 40)) +
                                "G\x3f\xc0\0\0\0\0\0\0"s + text("a") + "\x88t.");
  const auto& items = tree.root->items;
  ASSERT_EQ(items.size(), 8u);
  EXPECT_TRUE(items[0]->is(Kind::none));
  EXPECT_EQ(items[1]->integer, 5);
  EXPECT_EQ(items[2]->integer, 513);
  EXPECT_EQ(items[3]->integer, -3);
  EXPECT_EQ(items[4]->integer, -(int64_t{1} << 40));
  EXPECT_EQ(items[5]->real, 0.125);
  EXPECT_EQ(items[6]->text, "a");
  EXPECT_TRUE(items[7]->is(Kind::boolean));
}

TEST(Pickle, ShortLongsKeepTheirSign) {
  const PickleTree tree = parse("(\x8a\0\x8a\x01\xff\x8a\x02\xff\0t."s);
  EXPECT_EQ(tree.root->items[0]->integer, 0);
  EXPECT_EQ(tree.root->items[1]->integer, -1);
  EXPECT_EQ(tree.root->items[2]->integer, 255);
}

TEST(Pickle, TheLastOfTwoEqualKeysCounts) {
  const PickleTree tree = parse("}(" + text("a") + "K\1" + text("a") + "K\2u.");
  EXPECT_EQ(tree.root->get("a")->integer, 2);
  EXPECT_EQ(tree.root->get("b"), nullptr);
}

TEST(Pickle, TensorsAreRecordedWithTheirStorage) {
  const PickleTree tree = parse(tensor(integer(1), integer(2) + integer(2), integer(3) + integer(1)));
  ASSERT_EQ(tree.tensors.size(), 1u);
  EXPECT_EQ(tree.tensors[0].sizes, (std::vector<int64_t>{2, 2}));
  EXPECT_EQ(tree.tensors[0].offset, 1);
  EXPECT_EQ(tree.storages[0].elements, 6);
}

TEST(PickleBad, ClassesAndFunctionsOutsideTheListAreRefusedByName) {
  expect_refusal("cos\nsystem\n(" + text("true") + "tR.", "names \"os.system\"");
  expect_refusal("cposix\nsystem\n.", "names \"posix.system\"");
  expect_refusal("c__builtin__\neval\n.", "names \"__builtin__.eval\"");
  expect_refusal("cbuiltins\ngetattr\n.", "names \"builtins.getattr\"");
  expect_refusal("ctorch\nload\n.", "names \"torch.load\"");
  expect_refusal("ctorch.hub\nload\n.", "names \"torch.hub.load\"");
  expect_refusal("ctorch._utils\n_rebuild_sparse_tensor\n.", "_rebuild_sparse_tensor");
  expect_refusal(text("os") + text("system") + "\x93.", "names \"os.system\"");
  expect_refusal("c" + std::string(1000, 'a') + "\nb\n.", "names");
  expect_refusal("c\xff\x1b[2J\nb\n.", "names \"");
}

TEST(PickleBad, OpcodesOutsideTheListAreRefusedByCode) {
  for (const char opcode : "iopPVSILFd\x82\x92\x97\x98"s) {
    expect_refusal(std::string(1, opcode), "holds pickle opcode 0x");
  }
  expect_refusal("i", "opcode 0x69 at byte 2");
}

TEST(PickleBad, ProtocolsBeforeTwo) {
  size_t position = 0;
  EXPECT_THROW(parse_pickle("\x80\x01N."s, position, "a.pth"), Error);
  EXPECT_THROW(parse_pickle("\x80\x06N."s, position, "a.pth"), Error);
}

TEST(PickleBad, Truncated) {
  const std::string whole = tensor(integer(0), integer(2), integer(1));
  for (size_t size = 0; size < whole.size(); ++size) expect_refusal(whole.substr(0, size), "is truncated");
  expect_refusal("X\xff\xff\xff\xffshort", "is truncated");
  expect_refusal("\x8d\xff\xff\xff\xff\xff\xff\xff\xffshort", "is truncated");
  expect_refusal("cno newline", "is truncated");
}

TEST(PickleBad, StackAndMemo) {
  expect_refusal(".", "uses values it has not made");
  expect_refusal("(.", "uses values it has not made");
  expect_refusal("N(.", "uses values it has not made");
  expect_refusal("N(0", "uses values it has not made");
  expect_refusal("Nt", "closes a list it has not opened");
  expect_refusal("(K\1e", "fills a list it has not made");
  expect_refusal("N(K\1e", "appends to a None");
  expect_refusal("](K\1u", "sets items of a list");
  expect_refusal("}(K\1u", "a key and no value");
  expect_refusal("h\1", "recalls a value it has not kept");
  expect_refusal("q\1", "uses values it has not made");
  expect_refusal("NNR", "calls a None");
  expect_refusal("N}b", "gives a state to a None");
}

TEST(PickleBad, BombsMeetTheLimits) {
  const PickleLimits limits{.values = 1000, .stack = 100, .memo = 50};
  const auto refused = [&](const std::string& body) {
    size_t position = 0;
    try {
      parse_pickle(body, position, "a.pth", limits);
    } catch (const Error& error) {
      return std::string(error.what()).find("more than") != std::string::npos;
    }
    return false;
  };
  std::string many, stacked, marks(101, '('), memoised = "N";
  for (int i = 0; i < 1001; ++i) many += "N0";
  for (int i = 0; i < 101; ++i) stacked += "N";
  for (int i = 0; i < 51; ++i) memoised += "q"s + static_cast<char>(i);
  EXPECT_TRUE(refused(many));
  EXPECT_TRUE(refused(stacked));
  EXPECT_TRUE(refused(marks));
  EXPECT_TRUE(refused(memoised));
  // A list of 60 copied by a short call, again and again.
  std::string copies = "](";
  for (int i = 0; i < 60; ++i) copies += "N";
  copies += "eq\0"s;
  for (int i = 0; i < 20; ++i) copies += "cbuiltins\nset\nh\0\x85R0"s;
  EXPECT_TRUE(refused(copies));
}

TEST(PickleBad, ListsThatHoldThemselvesAreHarmless) {
  EXPECT_EQ(parse("]q\0h\0a."s).root->items.size(), 1u);
  EXPECT_EQ(parse("}q\0"s + text("a") + "h\0s."s).root->entries.size(), 1u);
  // Ten levels of ten references each: ten billion leaves, if anybody counted them.
  std::string laughs = "]q\0"s;
  for (char level = 1; level < 10; ++level) {
    laughs += "](";
    for (int i = 0; i < 10; ++i) laughs += "h"s + static_cast<char>(level - 1);
    laughs += "eq"s + level;
  }
  EXPECT_EQ(parse(laughs + ".").root->items.size(), 10u);
}

TEST(PickleBad, TensorsOutsideTheirStorage) {
  const std::string zero = integer(0), one = integer(1);
  const std::string huge = long_integer(int64_t{1} << 62);
  expect_refusal(tensor(zero, integer(7), one), "outside its storage 0 of 6 elements");
  expect_refusal(tensor(integer(4), integer(3), one), "outside its storage");
  expect_refusal(tensor(integer(-1), integer(3), one), "outside its storage");
  expect_refusal(tensor(integer(7), zero, one), "outside its storage");
  expect_refusal(tensor(zero, integer(2), integer(6)), "outside its storage");
  expect_refusal(tensor(zero, integer(2), integer(-1)), "stride of -1");
  expect_refusal(tensor(zero, integer(-2), one), "size of -2");
  expect_refusal(tensor(zero, integer(3), huge), "outside its storage");
  expect_refusal(tensor(zero, huge + huge, one + one), "which is too large");
  expect_refusal(tensor(zero, huge, zero), "which is too large");
  expect_refusal(tensor(zero, integer(2), one + one), "holds a tensor of shape [2] and strides [1, 1]");
  std::string dimensions, strides;
  for (int i = 0; i < 65; ++i) dimensions += one, strides += zero;
  expect_refusal(tensor(zero, dimensions, strides), "65 dimensions");
  expect_refusal(kRebuild + ")R.", "arguments that do not fit");
  expect_refusal(kRebuild + "(NNNNtR.", "arguments that do not fit");
}

TEST(PickleBad, Storages) {
  expect_refusal(storage(integer(-1)) + ".", "storage of -1 elements");
  expect_refusal(storage(long_integer(int64_t{1} << 62)) + ".", "storage of");
  expect_refusal(storage(integer(1), "ctorch\nComplexFloatStorage\n"), "torch.ComplexFloatStorage");
  expect_refusal(storage(integer(1), "N"), "arguments that do not fit");
  expect_refusal(storage(integer(1)) + storage(integer(2)), "two types or sizes");
  expect_refusal("(" + text("module") + "tQ.", "refers to a \"module\"");
  expect_refusal("NQ.", "refers to something outside the file");
}

}  // namespace
}  // namespace cambium::io
