# Tests that are not unit tests of one module.
add_test(NAME tidy COMMAND ${CMAKE_SOURCE_DIR}/tools/tidy.py ${CMAKE_SOURCE_DIR})

# Simulations: seeded, with faults. `journal_sim SEED 1` repeats a failure.
add_executable(journal_sim tests/sim/journal_sim.cc)
target_link_libraries(journal_sim PRIVATE quell_journal fmt::fmt)
add_test(NAME journal_sim COMMAND journal_sim 0 500)
add_test(NAME journal_anomaly COMMAND journal_sim anomaly 0)
add_test(NAME journal_sim_canary COMMAND journal_sim canary)
set_tests_properties(journal_sim_canary PROPERTIES WILL_FAIL TRUE)
