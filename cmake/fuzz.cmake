# The fuzz targets: one per tests/fuzz/fuzz_<name>.cc, with seeds in tests/fuzz/corpus/<name>/.
# `./test.sh fuzz` runs each for some seconds; by hand: build/asan/fuzz_json tests/fuzz/corpus/json.
# They are part of the build with ASan and UBSan, whose libraries are instrumented for them.
add_custom_target(fuzzers)
file(GLOB fuzzers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_*.cc)
foreach(source IN LISTS fuzzers)
  cmake_path(GET source STEM name)
  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE quell_journal quell_collect quell_wire quell_promql quell_normalize
                                        quell_eval quell_detect quell_model quell_base
                                        simdjson::simdjson fmt::fmt)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer,address,undefined)
  add_dependencies(fuzzers ${name})
endforeach()
