# Tests that are not unit tests of one module.
add_test(NAME tidy COMMAND ${CMAKE_SOURCE_DIR}/tools/tidy.py ${CMAKE_SOURCE_DIR})

# A build with a sanitizer looks for other faults than those that one more seed finds.
if(QUELL_FEW_REPEATS)
  set(SEEDS 60)
  set(FEW few)
else()
  set(SEEDS 500)
  set(FEW)
endif()

# Simulations: seeded, with faults. `journal_sim SEED 1` repeats a failure.
add_executable(journal_sim tests/sim/journal_sim.cc)
target_link_libraries(journal_sim PRIVATE quell_journal fmt::fmt)
add_test(NAME journal_sim COMMAND journal_sim 0 ${SEEDS})
add_test(NAME journal_anomaly COMMAND journal_sim anomaly 0)
add_test(NAME journal_sim_canary COMMAND journal_sim canary)
set_tests_properties(journal_sim_canary PROPERTIES WILL_FAIL TRUE)

# Every provider pack against the samples beside it; UPDATE_GOLDEN=1 rewrites what is expected.
add_executable(packs_test tests/packs/pack_samples_test.cc)
target_include_directories(packs_test PRIVATE tests/packs)
target_compile_definitions(packs_test PRIVATE QUELL_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
target_link_libraries(packs_test PRIVATE quell_normalize fmt::fmt simdjson::simdjson GTest::gtest_main)
add_test(NAME packs COMMAND packs_test)

add_library(quell_test_support STATIC tests/support/kills.cc tests/support/memory_store.cc)
target_include_directories(quell_test_support PUBLIC ${CMAKE_SOURCE_DIR})
target_link_libraries(quell_test_support PUBLIC quell_app fmt::fmt)

add_executable(scenario_test tests/scenario/runner.cc)
target_link_libraries(scenario_test PRIVATE quell_test_support fmt::fmt)
add_test(NAME scenario COMMAND scenario_test ${CMAKE_SOURCE_DIR}/scenarios ${FEW})
add_test(NAME scenario_cases COMMAND scenario_test ${CMAKE_SOURCE_DIR}/tests/scenario/cases ${FEW})

# The HTTP client against the HTTP server.
add_executable(fetch_server_test tests/fetch/client_and_server_test.cc)
target_link_libraries(fetch_server_test PRIVATE quell_fetch quell_http GTest::gtest_main)
add_test(NAME fetch_server COMMAND fetch_server_test)

# The pipeline with a store in memory.
add_executable(pipeline_test
  tests/pipeline/correlation_test.cc tests/pipeline/dead_letter_retry_test.cc
  tests/pipeline/model_import_test.cc
  tests/pipeline/detection_rules_test.cc tests/pipeline/histogram_test.cc
  tests/pipeline/timezone_test.cc)
set_target_properties(pipeline_test PROPERTIES UNITY_BUILD OFF)
target_link_libraries(pipeline_test PRIVATE quell_test_support fmt::fmt GTest::gtest_main)
add_test(NAME pipeline COMMAND pipeline_test)

add_executable(pipeline_sim tests/sim/pipeline_sim.cc)
target_link_libraries(pipeline_sim PRIVATE quell_test_support fmt::fmt)
add_test(NAME pipeline_sim COMMAND pipeline_sim 0 ${SEEDS})
add_test(NAME pipeline_sim_canary COMMAND pipeline_sim canary)
add_test(NAME pipeline_sim_canary_disk COMMAND pipeline_sim canary-disk)
set_tests_properties(pipeline_sim_canary pipeline_sim_canary_disk PROPERTIES WILL_FAIL TRUE)

add_executable(detection_sim tests/sim/detection_sim.cc)
target_link_libraries(detection_sim PRIVATE quell_test_support PkgConfig::SNAPPY fmt::fmt)
math(EXPR DETECTION_SEEDS "${SEEDS} / 20")
add_test(NAME detection_sim COMMAND detection_sim 0 ${DETECTION_SEEDS})
add_test(NAME detection_sim_canary COMMAND detection_sim canary)
set_tests_properties(detection_sim_canary PROPERTIES WILL_FAIL TRUE)

# 20 ms a seed.
math(EXPR METRICS_SEEDS "${SEEDS} / 5")
add_executable(metrics_sim tests/sim/metrics_sim.cc)
target_link_libraries(metrics_sim PRIVATE quell_test_support fmt::fmt)
add_test(NAME metrics_sim COMMAND metrics_sim 0 ${METRICS_SEEDS})
add_test(NAME metrics_sim_canary COMMAND metrics_sim canary)
set_tests_properties(metrics_sim_canary PROPERTIES WILL_FAIL TRUE)

# The longest go first, so that none is alone at the end.
set_tests_properties(scenario pipeline_sim PROPERTIES COST 100)
set_tests_properties(pipeline stream detect metrics_sim metrics_sim_canary wire PROPERTIES COST 50)

foreach(target packs_test fetch_server_test pipeline_test)
  quell_precompile(${target} TEST)
endforeach()
foreach(target quell_test_support scenario_test journal_sim pipeline_sim detection_sim metrics_sim)
  quell_precompile(${target})
endforeach()

add_dependencies(tests journal_sim packs_test scenario_test fetch_server_test pipeline_test
                 pipeline_sim detection_sim metrics_sim)
