# Benchmarks: programs that a person runs; built with everything, so that they stay in repair.
function(quell_bench name)
  add_executable(${name} ${CMAKE_SOURCE_DIR}/bench/${name}.cc)
  target_link_libraries(${name} PRIVATE ${ARGN})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
endfunction()

quell_bench(http_bench quell_http)
quell_bench(wire_bench quell_wire fmt::fmt simdjson::simdjson)
quell_bench(store_bench quell_store fmt::fmt)
quell_bench(journal_bench quell_journal fmt::fmt)
quell_bench(pack_bench quell_normalize fmt::fmt simdjson::simdjson)
target_compile_definitions(pack_bench PRIVATE QUELL_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
quell_bench(sample_bench quell_stream fmt::fmt)
