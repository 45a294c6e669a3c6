# Only the double-precision half (every build has it): cmake -C .ci/presets/double.cmake -S . -B build-double
set(CMAKE_GENERATOR Ninja CACHE INTERNAL "")
set(CMAKE_BUILD_TYPE Release CACHE STRING "")
set(CAPSTAN_FLOAT OFF CACHE BOOL "")
