# A build with ThreadSanitizer, which needs clang and runs with Archer (.ci/threads):
# cmake -C .ci/presets/thread.cmake -S . -B build-thread
set(CMAKE_GENERATOR Ninja CACHE INTERNAL "")
set(CMAKE_BUILD_TYPE Release CACHE STRING "")
set(CMAKE_C_COMPILER clang CACHE STRING "")
set(CAPSTAN_SANITIZE thread CACHE STRING "")
set(BUILD_TESTING OFF CACHE BOOL "")
