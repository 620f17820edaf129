# Tests that are not unit tests of one module.
add_test(NAME tidy COMMAND ${CMAKE_SOURCE_DIR}/tools/tidy.py ${CMAKE_SOURCE_DIR})
