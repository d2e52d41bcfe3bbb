#include "core/device.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cpuid.h>
#include <fstream>
#include <limits>

#if defined(__GLIBC__)
#include <malloc.h>
#endif
#include <sys/resource.h>

#include "core/cgroup.h"
#include "core/error.h"

namespace cambium {
namespace {

CpuFeatures detect() {
  CpuFeatures found;
#if defined(__x86_64__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(0, &a, &b, &c, &d)) {
    const unsigned words[3] = {b, d, c};
    found.vendor.assign(reinterpret_cast<const char*>(words), sizeof words);
  }
  // GCC's probe also asks the operating system (XGETBV), which raw CPUID bits do not.
  found.avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  found.avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                 __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  if (__get_cpuid_count(7, 1, &a, &b, &c, &d)) found.avx512_bf16 = found.avx512 && (a >> 5 & 1);
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) found.amx_bf16 = found.avx512 && (d >> 22 & 1);
#endif
  return found;
}

bool bf16_is_faster(const c10::Device& device) {
  return device.is_cuda() || cpu_features().avx512_bf16 || cpu_features().amx_bf16;
}

}  // namespace

const CpuFeatures& cpu_features() {
  static const CpuFeatures features = detect();
  return features;
}

std::string describe(const CpuFeatures& features) {
  std::string text = features.vendor.empty() ? "unknown processor" : features.vendor;
  if (features.avx2) text += ", AVX2";
  if (features.avx512) text += ", AVX-512";
  if (features.avx512_bf16) text += ", AVX-512 BF16";
  if (features.amx_bf16) text += ", AMX BF16";
  return text;
}

c10::Device resolve_device(const std::string& name) {
  if (name == "cpu") return c10::Device(c10::kCPU);
  if (name == "auto") return c10::Device(at::hasCUDA() ? c10::kCUDA : c10::kCPU);
  const bool cuda = name == "cuda" || (name.rfind("cuda:", 0) == 0 && name.size() > 5 && name.size() < 8 &&
                                       name.find_first_not_of("0123456789", 5) == std::string::npos);
  if (!cuda)
    throw UsageError(
        {.what = "unknown device \"" + name + "\"", .field = "--device", .mend = "use auto, cpu, cuda or cuda:N"});
  if (!at::hasCUDA()) {
    throw UsageError({.what = "this LibTorch has no CUDA device",
                      .field = "--device",
                      .mend = "use --device cpu, or install a CUDA build of LibTorch"});
  }
  return c10::Device(name);
}

c10::ScalarType resolve_dtype(const std::string& name, const c10::Device& device) {
  if (name == "f32") return c10::kFloat;
  if (name == "bf16") return c10::kBFloat16;
  if (name == "auto") return bf16_is_faster(device) ? c10::kBFloat16 : c10::kFloat;
  throw UsageError({.what = "unknown dtype \"" + name + "\"", .field = "--dtype", .mend = "use auto, f32 or bf16"});
}

std::string explain_dtype(const c10::Device& device) {
  if (device.is_cuda()) return "bf16: CUDA multiplies it faster than f32";
  if (cpu_features().amx_bf16) return "bf16: the processor has AMX BF16";
  if (cpu_features().avx512_bf16) return "bf16: the processor has AVX-512 BF16";
  return "f32: the processor has no BF16 instructions";
}

Compute resolve_compute(const std::string& device, const std::string& dtype) {
  Compute compute;
  compute.device = resolve_device(device);
  compute.compute_dtype = compute.param_dtype = resolve_dtype(dtype, compute.device);
  return compute;
}

void set_threads(int threads) {
  if (threads < 0 || threads > 1024) {
    throw UsageError({.what = std::to_string(threads) + " threads",
                      .field = "--threads",
                      .mend = "use 1 to 1024, or 0 for all cores"});
  }
  if (threads > 0) at::set_num_threads(threads);
}

void keep_freed_memory() {
#if defined(__GLIBC__)
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
  mallopt(M_TOP_PAD, 64 << 20);
#endif
}

int64_t peak_memory_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<int64_t>(usage.ru_maxrss) * 1024;
}

int64_t available_memory_bytes() {
  std::ifstream stream("/proc/meminfo");
  std::string key, unit;
  int64_t kilobytes = 0;
  while (stream >> key >> kilobytes) {
    std::getline(stream, unit);
    if (key != "MemAvailable:") continue;
    const int64_t machine = kilobytes * 1024, group = cgroup_available_bytes();
    return group < 0 ? machine : std::min(machine, group);
  }
  return 0;
}

}  // namespace cambium
