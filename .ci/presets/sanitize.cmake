# A build with AddressSanitizer and UndefinedBehaviorSanitizer: cmake -C .ci/presets/sanitize.cmake -S . -B build-sanitize
set(CMAKE_GENERATOR Ninja CACHE INTERNAL "")
set(CMAKE_BUILD_TYPE Release CACHE STRING "")
set(CAPSTAN_SANITIZE ON CACHE BOOL "")
