# find_package(dfgen): the program, and dfgen_add_image() of dfgen.cmake. Lies in PREFIX/share/dfgen/cmake.
get_filename_component(_dfgen_share "${CMAKE_CURRENT_LIST_DIR}/.." ABSOLUTE)
find_program(DFGEN_EXECUTABLE dfgen HINTS "${_dfgen_share}/../../bin")
if(NOT DFGEN_EXECUTABLE)
    set(dfgen_FOUND FALSE)
    set(dfgen_NOT_FOUND_MESSAGE "the program dfgen was not found beside ${_dfgen_share}, nor in PATH")
    return()
endif()
include("${_dfgen_share}/dfgen.cmake")
