# The one program.
if(EXISTS ${CMAKE_SOURCE_DIR}/src/app/main.cc)
  add_executable(quell src/app/main.cc)
  target_link_libraries(quell PRIVATE quell_app)
  quell_precompile(quell)
  # Alerts are many small values that one thread makes and another one frees: with glibc's allocator a
  # duplicate costs a third more, and memory stays in pieces. Sanitizers bring their own.
  if(NOT CMAKE_CXX_FLAGS MATCHES "-fsanitize")
    find_package(mimalloc 2.0 REQUIRED)
    target_link_libraries(quell PRIVATE -Wl,--no-as-needed mimalloc -Wl,--as-needed)
  endif()
  set_target_properties(quell PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
endif()
