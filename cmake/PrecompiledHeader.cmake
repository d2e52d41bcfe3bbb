# One precompiled header for all rooms (REUSE_FROM asks for the same flags everywhere). Only headers that most files
# would parse anyway: LibTorch's module header alone is 350,000 lines.
file(WRITE "${CMAKE_BINARY_DIR}/pch.cpp.in" "// The precompiled header's only source.\n")
configure_file("${CMAKE_BINARY_DIR}/pch.cpp.in" "${CMAKE_BINARY_DIR}/pch.cpp" COPYONLY)
add_library(cambium_pch STATIC "${CMAKE_BINARY_DIR}/pch.cpp")
target_link_libraries(cambium_pch PUBLIC cambium_flags LibTorch::LibTorch)
target_precompile_headers(cambium_pch PRIVATE
  <algorithm> <array> <chrono> <cmath> <cstdint> <filesystem> <functional> <map> <memory> <optional> <set> <sstream>
  <string> <string_view> <unordered_map> <utility> <vector>
  <nlohmann/json.hpp>
  <torch/nn/module.h>
  <torch/nn/modules/container/modulelist.h>
  <ATen/ATen.h>)
