# quell_embed(<target> <name> BASE <directory> FILES <file>...)
#
# Puts the files into <target> as read-only bytes and defines, in namespace quell,
#
#   EmbeddedFiles embedded_<name>();   // declare it where it is used; see base/embedded.h
#
# Their paths are relative to BASE. Without FILES the list is empty. Works with .incbin: a megabyte
# costs a few milliseconds to build, where an array of numbers would cost seconds.
function(quell_embed target name)
  cmake_parse_arguments(ARG "" "BASE" "FILES" ${ARGN})
  set(directory ${CMAKE_BINARY_DIR}/embed)
  set(assembly ".section .rodata\n")
  set(declarations "")
  set(entries "")
  set(index 0)
  foreach(file IN LISTS ARG_FILES)
    cmake_path(ABSOLUTE_PATH file BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} NORMALIZE)
    cmake_path(RELATIVE_PATH file BASE_DIRECTORY ${ARG_BASE} OUTPUT_VARIABLE path)
    set(symbol quell_embed_${name}_${index})
    string(APPEND assembly ".global ${symbol}, ${symbol}_end\n.balign 16\n"
                           "${symbol}: .incbin \"${file}\"\n${symbol}_end: .byte 0\n")
    string(APPEND declarations "extern const char ${symbol}[], ${symbol}_end[];\n")
    string(APPEND entries "      {\"${path}\", {${symbol}, ${symbol}_end}},\n")
    math(EXPR index "${index} + 1")
  endforeach()
  string(APPEND assembly ".section .note.GNU-stack,\"\",@progbits\n")
  if(index EQUAL 0)
    set(body "  return {};\n")
  else()
    set(body "  static const EmbeddedFile kFiles[] = {\n${entries}  };\n  return kFiles;\n")
  endif()
  file(CONFIGURE OUTPUT ${directory}/${name}.S CONTENT "${assembly}" @ONLY)
  file(CONFIGURE OUTPUT ${directory}/${name}.cc @ONLY CONTENT
"// Written by cmake/embed.cmake.
// NOLINTBEGIN(readability-identifier-naming)
#include \"base/embedded.h\"

extern \"C\" {
${declarations}}

namespace quell {
EmbeddedFiles embedded_${name}();
EmbeddedFiles embedded_${name}() {
${body}}
}  // namespace quell
// NOLINTEND(readability-identifier-naming)
")
  set_source_files_properties(${directory}/${name}.S PROPERTIES OBJECT_DEPENDS "${ARG_FILES}")
  target_sources(${target} PRIVATE ${directory}/${name}.S ${directory}/${name}.cc)
endfunction()
