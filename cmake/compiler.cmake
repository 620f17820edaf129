# Warnings, the compiler cache and the linker.
add_compile_options(-Wall -Wextra -Wshadow -Wconversion)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wsuggest-override>)
else()
  # clang 16 knows libstdc++'s std::expected only when told that it has C++20 concepts.
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-builtin-macro-redefined>
                      $<$<COMPILE_LANGUAGE:CXX>:-D__cpp_concepts=202002L> -Wno-macro-redefined
                      $<$<COMPILE_LANGUAGE:CXX>:-Wno-missing-designated-field-initializers>
                      -Wno-unknown-warning-option)
endif()
if(QUELL_WERROR)
  add_compile_options(-Werror)
endif()

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()
