#pragma once
// The instruction set of the vector kernels: CAMBIUM_AVX512_BEGIN ... CAMBIUM_AVX512_END holds functions for AVX-512
// with BF16, whatever flags the file is compiled with. They are reached behind a check of the CPU.
#if defined(__GNUC__) && !defined(__clang__)
// GCC's own headers leave a vector undefined on purpose and warn about it (GCC bug 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#else
#include <immintrin.h>
#endif

#if defined(__clang__)
#define CAMBIUM_AVX512_BEGIN                                                                                           \
  _Pragma(                                                                                                             \
      "clang attribute push(__attribute__((target(\"avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,fma\"))), apply_to " \
      "= function)")
#define CAMBIUM_AVX512_END _Pragma("clang attribute pop")
#else
#define CAMBIUM_AVX512_BEGIN \
  _Pragma("GCC push_options") _Pragma("GCC target(\"avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,fma\")")
#define CAMBIUM_AVX512_END _Pragma("GCC pop_options")
#endif
