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

if(QUELL_PRECOMPILE)
  # Some libraries ask for -pthread: what is precompiled must fit everywhere, and not know when it was made.
  add_compile_options(-pthread "SHELL:$<$<COMPILE_LANG_AND_ID:CXX,Clang>:-Xclang -fno-pch-timestamp>")
endif()

find_program(CCACHE ccache)
if(CCACHE)
  if(QUELL_PRECOMPILE)  # Else ccache keeps nothing of a source that reads a precompiled header.
    set(CCACHE ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
  endif()
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()
