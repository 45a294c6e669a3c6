# The fuzzing build, which needs clang: cmake -C .ci/presets/fuzz.cmake -S . -B build-fuzz; .ci/fuzz runs it
set(CMAKE_GENERATOR Ninja CACHE INTERNAL "")
set(CMAKE_C_COMPILER clang CACHE STRING "")
set(CMAKE_BUILD_TYPE Release CACHE STRING "")
set(CAPSTAN_SANITIZE ON CACHE BOOL "")
set(CAPSTAN_FUZZ ON CACHE BOOL "")
