# The normal build: cmake -C .ci/presets/release.cmake -S . -B build && cmake --build build
set(CMAKE_GENERATOR Ninja CACHE INTERNAL "")
set(CMAKE_BUILD_TYPE Release CACHE STRING "")
