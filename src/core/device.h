#pragma once
// Where and in what precision to compute: decided once from the command line and the machine, then passed down.
#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <string>

namespace cambium {

// Travels from the command to the model. Norms, softmax, losses and Lorentz operations are float32 whatever this says.
struct Compute {
  c10::Device device = c10::Device(c10::kCPU);
  c10::ScalarType param_dtype = c10::kFloat;    // frozen or inference weights
  c10::ScalarType compute_dtype = c10::kFloat;  // activations
};

struct CpuFeatures {
  std::string vendor;
  bool avx2 = false, avx512 = false, avx512_bf16 = false, amx_bf16 = false;
};
const CpuFeatures& cpu_features();
std::string describe(const CpuFeatures& features);

// "auto", "cpu", "cuda", "cuda:1". Auto: CUDA if LibTorch has one, else CPU. UsageError otherwise.
c10::Device resolve_device(const std::string& name);
// "auto", "f32", "bf16". Auto: bf16 where the machine multiplies it faster than f32 (CUDA; AVX-512 BF16; AMX), else
// f32.
c10::ScalarType resolve_dtype(const std::string& name, const c10::Device& device);
// Why auto chose what it chose, for `cambium --version`.
std::string explain_dtype(const c10::Device& device);
Compute resolve_compute(const std::string& device, const std::string& dtype);

// Sets LibTorch's intra-op threads; 0 keeps the default (all cores, or OMP_NUM_THREADS).
void set_threads(int threads);

// Tells the C library to keep freed memory for the next allocation instead of giving it back: tensors of the same sizes
// come and go at every step, and each page given back is zeroed again when it returns. Once, from main.
void keep_freed_memory();

// Largest resident memory of this process so far, in bytes (ru_maxrss).
int64_t peak_memory_bytes();
// Memory that could still be had without swapping, in bytes: the machine's, or less where a container is limited.
int64_t available_memory_bytes();

}  // namespace cambium
