# quell_precompile(<target> [TEST])
#
# With QUELL_PRECOMPILE the target reads the headers below, and a TEST GoogleTest too, as they were
# compiled once for the whole build. They are headers of others only: none of ours changes them. A
# source includes all that it needs nevertheless; the other builds hold it to that. Not with g++ 12: what
# it inlines from a precompiled std::string it warns about, wrongly (-Warray-bounds).
if(QUELL_PRECOMPILE)
  set(HEADERS <algorithm> <array> <charconv> <chrono> <cmath> <cstdint> <cstring> <expected> <functional>
              <map> <memory> <optional> <span> <string> <string_view> <unordered_map> <utility> <variant>
              <vector> <fmt/format.h> <simdjson.h>)
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/precompiled.cc CONTENT "// Nothing but its headers.\n")

  # Two libraries without content: their headers are what others use.
  add_library(quell_headers OBJECT ${CMAKE_BINARY_DIR}/precompiled.cc)
  target_link_libraries(quell_headers PRIVATE fmt::fmt simdjson::simdjson Threads::Threads)
  target_precompile_headers(quell_headers PRIVATE ${HEADERS})
  if(QUELL_BUILD_TESTS)
    add_library(quell_test_headers OBJECT ${CMAKE_BINARY_DIR}/precompiled.cc)
    target_link_libraries(quell_test_headers PRIVATE fmt::fmt simdjson::simdjson Threads::Threads
                                                     GTest::gtest_main)
    target_precompile_headers(quell_test_headers PRIVATE ${HEADERS} <gtest/gtest.h>)
  endif()
endif()

function(quell_precompile target)
  if(NOT QUELL_PRECOMPILE)
    return()
  endif()
  if("${ARGN}" STREQUAL TEST)
    target_precompile_headers(${target} REUSE_FROM quell_test_headers)
  else()
    target_precompile_headers(${target} REUSE_FROM quell_headers)
  endif()
endfunction()
