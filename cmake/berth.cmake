# SPDX-License-Identifier: GPL-3.0-or-later
# The two shapes of target every folder is made of.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(GTest)

# What an image and a server hold; the tests are linked with the same objects.
add_custom_target(programs)

# berth_library(NAME SOURCES a.cpp ... [DEPS lib ...]): a static library whose headers are named from the root ("base/result.h").
function(berth_library name)
  cmake_parse_arguments(A "" "" "SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${A_SOURCES})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${A_DEPS} fmt::fmt nlohmann_json::nlohmann_json Threads::Threads)
endfunction()

# berth_program(NAME SOURCES main.cpp [DEPS lib ...]): installed to libexec/berth unless DESTINATION says otherwise.
function(berth_program name)
  cmake_parse_arguments(A "" "DESTINATION" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${A_SOURCES})
  target_link_libraries(${name} PRIVATE ${A_DEPS})
  if(NOT A_DESTINATION)
    set(A_DESTINATION libexec/berth)
  endif()
  install(TARGETS ${name} DESTINATION ${A_DESTINATION})
  add_dependencies(programs ${name})
endfunction()

# For what uses precompiled headers: ccache cannot see through one otherwise.
set(BERTH_PRECOMPILED $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)

# A test's own code runs for a moment: it is compiled for the shortest wait. What it tests are the objects of the programs.
function(berth_test_options name)
  target_compile_options(${name} PRIVATE -O0 -U_FORTIFY_SOURCE ${BERTH_PRECOMPILED})
endfunction()

if(BERTH_TESTS AND GTest_FOUND)
  # What almost every test includes is read once for all of them: reading it was half of each one's time.
  # A program, as its users are: they are compiled with other options than a library (-fPIE).
  add_executable(berth_test_headers ${CMAKE_SOURCE_DIR}/tests/lib/test_headers.cpp)
  berth_test_options(berth_test_headers)
  target_include_directories(berth_test_headers PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(berth_test_headers PRIVATE fmt::fmt nlohmann_json::nlohmann_json Threads::Threads GTest::gmock)
  target_precompile_headers(berth_test_headers PRIVATE
    <algorithm>
    <chrono>
    <filesystem>
    <functional>
    <map>
    <optional>
    <ranges>
    <string>
    <thread>
    <variant>
    <vector>
    <fmt/format.h>
    <gtest/gtest.h>
    <nlohmann/json.hpp>)
endif()

# berth_test(NAME SOURCES x_test.cpp ... [DEPS lib ...]): a GoogleTest program, known to ctest test by test. LEVEL is unit
# (the default) or integration; ./tests/run picks by that label. Integration tests run on a machine of their own (tests/lib/own-machine);
# OWN_MAIN says that the sources have a main() that sees to it.
function(berth_test name)
  if(NOT BERTH_TESTS OR NOT GTest_FOUND)
    return()
  endif()
  cmake_parse_arguments(A "OWN_MAIN" "LEVEL" "SOURCES;DEPS" ${ARGN})
  if(NOT A_LEVEL)
    set(A_LEVEL unit)
  endif()
  add_executable(${name} ${A_SOURCES})
  berth_test_options(${name})
  target_precompile_headers(${name} REUSE_FROM berth_test_headers)
  target_link_libraries(${name} PRIVATE ${A_DEPS} GTest::gmock)
  if(A_LEVEL STREQUAL integration)
    target_sources(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/lib/run_under.cpp)
    target_compile_definitions(${name} PRIVATE BERTH_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    if(NOT A_OWN_MAIN)
      target_sources(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/lib/own_machine_main.cpp)
    endif()
  else()
    target_link_libraries(${name} PRIVATE GTest::gtest_main)
  endif()
  include(GoogleTest)
  gtest_discover_tests(${name} PROPERTIES LABELS ${A_LEVEL} TIMEOUT 300 DISCOVERY_TIMEOUT 60)
endfunction()

# berth_fuzz(NAME [SOURCES a.cpp ...] DEPS lib ...): tests/fuzz/NAME_fuzz.cpp with libFuzzer; its corpus is tests/fuzz/corpus/NAME. SOURCES are named
# from the root: the few files that it needs of a library whose others would be compiled for nothing.
function(berth_fuzz name)
  cmake_parse_arguments(A "" "" "SOURCES;DEPS" ${ARGN})
  list(TRANSFORM A_SOURCES PREPEND ${CMAKE_SOURCE_DIR}/)
  add_executable(${name}_fuzz ${name}_fuzz.cpp ${A_SOURCES})
  target_link_libraries(${name}_fuzz PRIVATE ${A_DEPS})
  target_link_options(${name}_fuzz PRIVATE -fsanitize=fuzzer,address,undefined)
endfunction()
