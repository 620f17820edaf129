# quell_module(<name> [DEPS <module>...] [LIBS <third-party target>...] [SEPARATE_TESTS])
#
# One static library per folder of src/. The folder's *.cc become the library, its *_test.cc a
# test. DEPS is the only list of allowed dependencies: tools/tidy.py checks every #include
# against it, so what a module may know is readable in one line. SEPARATE_TESTS: its test files have
# helpers of equal names in their unnamed namespaces, so a unity build must not join them.
function(quell_module name)
  cmake_parse_arguments(ARG "SEPARATE_TESTS" "" "DEPS;LIBS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cc)
  file(GLOB tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*_test.cc)
  list(REMOVE_ITEM sources ${tests} ${CMAKE_SOURCE_DIR}/src/${name}/main.cc)
  list(TRANSFORM ARG_DEPS PREPEND quell_)

  if(sources)
    add_library(quell_${name} STATIC ${sources})
    target_include_directories(quell_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(quell_${name} PUBLIC ${ARG_DEPS} PRIVATE ${ARG_LIBS})
    quell_precompile(quell_${name})
  else()
    add_library(quell_${name} INTERFACE)
    target_include_directories(quell_${name} INTERFACE ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(quell_${name} INTERFACE ${ARG_DEPS} ${ARG_LIBS})
  endif()

  if(tests AND QUELL_BUILD_TESTS)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE quell_${name} ${ARG_LIBS} GTest::gtest_main)
    target_compile_definitions(${name}_test PRIVATE QUELL_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    if(ARG_SEPARATE_TESTS)
      set_target_properties(${name}_test PROPERTIES UNITY_BUILD OFF)
    endif()
    quell_precompile(${name}_test TEST)
    add_test(NAME ${name} COMMAND ${name}_test)
    add_dependencies(tests ${name}_test)
  endif()
endfunction()
