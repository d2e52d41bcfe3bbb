# NCCL for several GPUs: where LibTorch is a CUDA build and CUDA's headers are at hand (a toolkit, or PyPI's nvidia-* packages
# beside torch). Without it ranks on GPUs still work, through Gloo. Sets CAMBIUM_NCCL and CAMBIUM_NCCL_INCLUDES.
set(CAMBIUM_NCCL OFF)
if(LibTorch_CUDA)
  get_filename_component(_nvidia "${LibTorch_INCLUDE_DIR}/../../nvidia" ABSOLUTE)
  find_path(NCCL_INCLUDE_DIR nccl.h PATHS "${_nvidia}/nccl/include")
  find_path(CUDA_RUNTIME_INCLUDE_DIR cuda_runtime_api.h
    PATHS "${_nvidia}/cu13/include" "${_nvidia}/cuda_runtime/include" /usr/local/cuda/include)
  if(NCCL_INCLUDE_DIR AND CUDA_RUNTIME_INCLUDE_DIR)
    set(CAMBIUM_NCCL_INCLUDES "${CUDA_RUNTIME_INCLUDE_DIR}" "${CUDA_RUNTIME_INCLUDE_DIR}/cccl" "${NCCL_INCLUDE_DIR}")
    # Which further headers (cublas, cusparse, cusolver, crt) LibTorch's need differs between versions: try.
    include(CheckCXXSourceCompiles)
    set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
    set(CMAKE_REQUIRED_INCLUDES ${CAMBIUM_NCCL_INCLUDES} "${LibTorch_INCLUDE_DIR}" "${LibTorch_INCLUDE_DIR}/torch/csrc/api/include")
    check_cxx_source_compiles("
      #define USE_C10D_NCCL
      #include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
      int rank(const c10d::ProcessGroupNCCL& group) { return group.getRank(); }" CAMBIUM_NCCL_COMPILES)
    unset(CMAKE_TRY_COMPILE_TARGET_TYPE)
    unset(CMAKE_REQUIRED_INCLUDES)
    set(CAMBIUM_NCCL ${CAMBIUM_NCCL_COMPILES})
  endif()
endif()
