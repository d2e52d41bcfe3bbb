# Flags shared by every target: one set, so that the precompiled header serves all of them. -fPIC here and not by
# POSITION_INDEPENDENT_CODE, which gives executables -fPIE: another set.
add_library(cambium_flags INTERFACE)
target_compile_options(cambium_flags INTERFACE -Wall -Wextra -Wno-unused-parameter -fno-omit-frame-pointer -fPIC)
# GCC refuses to cache a precompiled header without this (ccache's manual, "Precompiled headers").
target_compile_options(cambium_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
if(CAMBIUM_SANITIZE)
  target_compile_options(cambium_flags INTERFACE -fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=undefined)
  target_link_options(cambium_flags INTERFACE -fsanitize=address,undefined)
endif()
if(CAMBIUM_BUILD_FUZZERS)
  target_compile_options(cambium_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
