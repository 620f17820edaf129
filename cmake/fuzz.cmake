# The fuzz targets: one per tests/fuzz/fuzz_<name>.cc, with seeds in tests/fuzz/corpus/<name>/.
# `./test.sh fuzz` runs each for some seconds; by hand: build/fuzz/fuzz_json tests/fuzz/corpus/json.
file(GLOB fuzzers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_*.cc)
foreach(source IN LISTS fuzzers)
  cmake_path(GET source STEM name)
  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE quell_journal quell_wire quell_normalize quell_model quell_base
                                        simdjson::simdjson fmt::fmt)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer,address,undefined)
endforeach()
