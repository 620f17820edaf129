# The one program.
if(EXISTS ${CMAKE_SOURCE_DIR}/src/app/main.cc)
  add_executable(quell src/app/main.cc)
  target_link_libraries(quell PRIVATE quell_app)
  set_target_properties(quell PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
endif()
