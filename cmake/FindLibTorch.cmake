# Finds LibTorch's headers and libraries and offers the target LibTorch::LibTorch.
#
# Not TorchConfig.cmake: in a CUDA build that one demands a CUDA toolkit, which a program that only calls ATen does not
# need. Looked for, in this order: -DCAMBIUM_LIBTORCH=DIR, $CAMBIUM_LIBTORCH, the environment that scripts/setup made in
# the cache folder. What another version of LibTorch would touch: this file, scripts/setup (the pin), and
# nn/kernels/ and train/distributed.cpp, which call operators outside the stable API.
set(CAMBIUM_LIBTORCH "$ENV{CAMBIUM_LIBTORCH}" CACHE PATH "Folder of LibTorch: the one that holds include/ and lib/")

if(NOT CAMBIUM_LIBTORCH)
  if(DEFINED ENV{CAMBIUM_CACHE})
    set(_cambium_cache "$ENV{CAMBIUM_CACHE}")
  else()
    set(_cambium_cache "$ENV{HOME}/.cache/cambium")
  endif()
  file(GLOB _candidates "${_cambium_cache}/venv/lib/python3*/site-packages/torch")
  if(_candidates)
    list(GET _candidates 0 CAMBIUM_LIBTORCH)
  endif()
endif()

find_path(LibTorch_INCLUDE_DIR ATen/core/Tensor.h PATHS "${CAMBIUM_LIBTORCH}/include" NO_DEFAULT_PATH)
find_library(LibTorch_C10 c10 PATHS "${CAMBIUM_LIBTORCH}/lib" NO_DEFAULT_PATH)
find_library(LibTorch_CPU torch_cpu PATHS "${CAMBIUM_LIBTORCH}/lib" NO_DEFAULT_PATH)
find_library(LibTorch_TORCH torch PATHS "${CAMBIUM_LIBTORCH}/lib" NO_DEFAULT_PATH)
find_library(LibTorch_CUDA torch_cuda PATHS "${CAMBIUM_LIBTORCH}/lib" NO_DEFAULT_PATH)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_INCLUDE_DIR LibTorch_C10 LibTorch_CPU LibTorch_TORCH
  REASON_FAILURE_MESSAGE "run scripts/setup, or set CAMBIUM_LIBTORCH to an unpacked LibTorch")

if(LibTorch_FOUND AND NOT TARGET LibTorch::LibTorch)
  # LibTorch ships a copy of fmt's headers that is older than the library spdlog was built with: Debian's goes first.
  set(_fmt_first "${CMAKE_BINARY_DIR}/fmt-first")
  file(MAKE_DIRECTORY "${_fmt_first}")
  file(CREATE_LINK /usr/include/fmt "${_fmt_first}/fmt" SYMBOLIC)

  add_library(LibTorch::LibTorch INTERFACE IMPORTED)
  set_target_properties(LibTorch::LibTorch PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES
      "${_fmt_first};${LibTorch_INCLUDE_DIR};${LibTorch_INCLUDE_DIR}/torch/csrc/api/include")
  set(_libraries "${LibTorch_TORCH}" "${LibTorch_CPU}" "${LibTorch_C10}")
  if(LibTorch_CUDA)
    # Nothing calls into it by symbol: --no-as-needed keeps the library whose constructors register the CUDA kernels.
    list(PREPEND _libraries -Wl,--no-as-needed "${LibTorch_CUDA}" -Wl,--as-needed)
  endif()
  target_link_libraries(LibTorch::LibTorch INTERFACE ${_libraries})
  get_filename_component(LibTorch_LIBRARY_DIR "${LibTorch_CPU}" DIRECTORY)
endif()
