#include "io/npy.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/scalar_tensor.h>
#include <gtest/gtest.h>

#include "core/atomic_file.h"
#include "core/error.h"
#include "support/temporary_directory.h"

namespace cambium::io {
namespace {

const std::string kMagic("\x93NUMPY\x01\x00", 8);

std::string with_header(std::string header, const std::string& data = "") {
  header += '\n';
  return kMagic + static_cast<char>(header.size() & 0xFF) + static_cast<char>(header.size() >> 8) + header + data;
}

TEST(Npy, ReadsBackWhatItWrote) {
  const test::TemporaryDirectory folder;
  for (const auto dtype : {at::kFloat, at::kDouble, at::kHalf, at::kByte, at::kChar, at::kShort, at::kInt, at::kLong}) {
    const at::Tensor array = at::arange(24).to(dtype).reshape({2, 3, 4});
    write_npy(folder.path() / "a.npy", array);
    const at::Tensor back = read_npy(folder.path() / "a.npy");
    EXPECT_EQ(back.scalar_type(), dtype);
    EXPECT_TRUE(at::equal(back, array));
  }
  write_npy(folder.path() / "a.npy", at::arange(6).to(at::kFloat).reshape({2, 3}).t());
  EXPECT_TRUE(at::equal(read_npy(folder.path() / "a.npy"), at::arange(6).to(at::kFloat).reshape({2, 3}).t()));
  write_npy(folder.path() / "a.npy", at::arange(4).to(at::kBFloat16));
  EXPECT_EQ(read_npy(folder.path() / "a.npy").scalar_type(), at::kFloat);
  write_npy(folder.path() / "a.npy", at::scalar_tensor(2.5, at::kFloat));
  EXPECT_EQ(read_npy(folder.path() / "a.npy").dim(), 0);
  write_npy(folder.path() / "a.npy", at::empty({0, 7}, at::kFloat));
  EXPECT_EQ(read_npy(folder.path() / "a.npy").sizes(), (at::IntArrayRef{0, 7}));
  EXPECT_THROW(write_npy(folder.path() / "b.npy", at::empty({1}, at::kComplexFloat)), Error);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "b.npy"));
}

TEST(Npy, BytesAreNumpys) {
  // numpy 1.26: numpy.save(f, numpy.arange(3, dtype="<f4"))
  const test::TemporaryDirectory folder;
  write_npy(folder.path() / "a.npy", at::arange(3).to(at::kFloat));
  const std::string bytes = read_file(folder.path() / "a.npy");
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }";
  header.resize(117, ' ');
  const float numbers[] = {0, 1, 2};
  EXPECT_EQ(bytes, with_header(header, std::string(reinterpret_cast<const char*>(numbers), sizeof numbers)));
}

TEST(Npy, BadFilesAreOneSentence) {
  const test::TemporaryDirectory folder;
  const std::filesystem::path path = folder.path() / "a.npy";
  const std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
  for (const std::string& bytes :
       {std::string(), std::string("PNG"), kMagic, kMagic + "\xFF\xFF",
        std::string("\x93NUMPY\x09\x00\x00\x00\x00\x00\x00", 13), with_header(good, "1234567"),
        with_header(good, "123456789"), with_header("{'descr': '<f4', 'shape': (2,)}", "12345678"),
        with_header("{'descr': '>f4', 'fortran_order': False, 'shape': (2,), }", "12345678"),
        with_header("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }", "12345678"),
        with_header("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", "12345678"),
        with_header("{'descr': '<f4', 'fortran_order': True, 'shape': (2,), }", "12345678"),
        with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }", "12345678"),
        with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (2", "12345678"),
        with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (2 2), }", "12345678"),
        with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4, 2), }", "12345678"),
        with_header("{'descr': '<f4', 'fortran_order': False, 'shape': 2, }", "12345678")}) {
    write_file(path, bytes);
    try {
      read_npy(path);
      FAIL() << bytes;
    } catch (const Error& error) {
      EXPECT_EQ(error.info().file, path.string());
    }
  }
  write_file(path, with_header(good, "12345678"));
  EXPECT_EQ(read_npy(path).numel(), 2);
}

}  // namespace
}  // namespace cambium::io
