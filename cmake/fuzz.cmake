# The fuzz targets: one per tests/fuzz/fuzz_<name>.cc, with seeds in tests/fuzz/corpus/<name>/.
# `./test.sh fuzz` runs each for some seconds; by hand: build/asan/fuzz_json tests/fuzz/corpus/json.
# They are part of the build with ASan and UBSan; only the libraries that they reach count their branches.
add_custom_target(fuzzers)
# What -fsanitize=fuzzer-no-link does, in words that do not part a source from its precompiled headers.
set(COVERAGE -fsanitize-coverage=inline-8bit-counters,indirect-calls,trace-cmp,pc-table,stack-depth
             -fno-builtin-memcmp -fno-builtin-bcmp -fno-builtin-strcmp -fno-builtin-strncmp)
file(GLOB fuzzers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_*.cc)
foreach(source IN LISTS fuzzers)
  cmake_path(GET source STEM name)
  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE quell_journal quell_collect quell_wire quell_promql quell_normalize
                                        quell_eval quell_detect quell_http quell_model quell_base
                                        simdjson::simdjson fmt::fmt)
  target_compile_options(${name} PRIVATE ${COVERAGE})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer,address,undefined)
  quell_precompile(${name})
  add_dependencies(fuzzers ${name})
endforeach()
foreach(module base model stream promql journal wire collect normalize detect eval http)
  target_compile_options(quell_${module} PRIVATE ${COVERAGE})
endforeach()
target_link_libraries(fuzz_http_request PRIVATE Boost::headers)
# The one reader of app/: the others of that module are not slowed down for it.
target_link_libraries(fuzz_scenario PRIVATE quell_app)
set_source_files_properties(src/app/scenario.cc PROPERTIES
  COMPILE_OPTIONS "${COVERAGE}" SKIP_UNITY_BUILD_INCLUSION ON)
