# dfgen.cmake: images as targets of a CMake build. find_package(dfgen) reads it. CMake 3.20 or newer, with Ninja or Makefiles.
#
#   dfgen_add_image(NAME
#       [CONTEXT DIR]              default: the current source folder
#       [DOCKERFILE FILE]          default: as dfgen finds it in CONTEXT
#       [TARGET STAGE]             default: the last stage
#       [TAG NAME...] [ARGS NAME=VALUE...] [LABELS NAME=VALUE...] [SECRETS SPEC...] [PLATFORMS OS/ARCH...]
#       [CONTEXTS NAME=VALUE...]   named contexts: folders, oci-layout:DIR, docker-image://NAME
#       [OUTPUTS SPEC...]          as docker build's --output; also made when the image is. dest is relative to the current binary folder
#       [OPTIONS OPTION...]        any other options of dfgen
#       [DEPENDS FILE|TARGET...]   what the build makes and the image takes: built first
#       [ALL])                     part of the default target
#
# Makes the target NAME. Its properties DFGEN_DIR (the build folder), DFGEN_STAMP (a file that is written after each build of the image) and,
# with TARGET, DFGEN_LAYOUT (the OCI image layout) are for install(), CPack and custom commands. Values may be generator expressions, as in
# CONTEXTS "program=$<TARGET_FILE_DIR:app>". The files of OUTPUTS (dest of an archive; dest/PATH of type=local,file=PATH) are byproducts: other
# rules and install() can take them. An image on another one: CONTEXTS "base=oci-layout:$<TARGET_PROPERTY:other,DFGEN_LAYOUT>" DEPENDS
# "$<TARGET_PROPERTY:other,DFGEN_STAMP>".
#
# Nothing of dfgen runs while nothing that the image takes has changed: a depfile lists all of it.

include_guard(GLOBAL)
if(CMAKE_VERSION VERSION_LESS 3.20)
    message(FATAL_ERROR "dfgen needs CMake 3.20 or newer; this is ${CMAKE_VERSION}")
endif()
# What a function does is as the policies are here: a project that asks for an older CMake has depfiles all the same.
cmake_policy(PUSH)
cmake_policy(VERSION 3.20)

# Where an output goes, made absolute, and the files that it is known to write.
function(_dfgen_output spec variable files_variable)
    set(files)
    string(REPLACE "," ";" words "${spec}")
    if(NOT spec MATCHES "=")
        set(words type=local "dest=${spec}")
    endif()
    set(type local)
    set(dest)
    set(tar true)
    set(new)
    foreach(word IN LISTS words)
        if(word MATCHES "^(dest|destination)=(.*)$")
            get_filename_component(dest "${CMAKE_MATCH_2}" ABSOLUTE BASE_DIR "${CMAKE_CURRENT_BINARY_DIR}")
            set(word "dest=${dest}")
        elseif(word MATCHES "^(type|tar)=(.*)$")
            set(${CMAKE_MATCH_1} "${CMAKE_MATCH_2}")
        elseif(word MATCHES "^file=/*(.*)$")
            list(APPEND files "${CMAKE_MATCH_1}")
        endif()
        list(APPEND new "${word}")
    endforeach()
    list(TRANSFORM files PREPEND "${dest}/")
    if(dest AND type MATCHES "^(oci|docker|tar|squashfs)$" AND tar)
        list(APPEND files "${dest}")
    endif()
    string(REPLACE ";" "," new "${new}")
    set(${variable} "${new}" PARENT_SCOPE)
    set(${files_variable} "${files}" PARENT_SCOPE)
endfunction()

function(dfgen_add_image name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "ALL" "CONTEXT;DOCKERFILE;TARGET"
        "TAG;ARGS;LABELS;SECRETS;PLATFORMS;CONTEXTS;OUTPUTS;OPTIONS;DEPENDS")
    if(arg_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "dfgen_add_image(${name}): unknown argument ${arg_UNPARSED_ARGUMENTS}")
    endif()
    if(arg_KEYWORDS_MISSING_VALUES)
        message(FATAL_ERROR "dfgen_add_image(${name}): no value for ${arg_KEYWORDS_MISSING_VALUES}")
    endif()
    if(NOT arg_CONTEXT)
        set(arg_CONTEXT "${CMAKE_CURRENT_SOURCE_DIR}")
    endif()
    get_filename_component(arg_CONTEXT "${arg_CONTEXT}" ABSOLUTE)

    set(dir "${CMAKE_CURRENT_BINARY_DIR}/${name}.dfgen")
    set(stamp "${dir}/stamp")
    set(command "${DFGEN_EXECUTABLE}" build -C "${dir}" "--stamp=${stamp}" "--depfile=${dir}/stamp.d" "--context=${arg_CONTEXT}")
    if(arg_DOCKERFILE)
        get_filename_component(file "${arg_DOCKERFILE}" ABSOLUTE)
        list(APPEND command "--file=${file}")
    endif()
    if(arg_TARGET)
        list(APPEND command "--target=${arg_TARGET}")
    endif()
    foreach(pair "TAG=tag" "ARGS=build-arg" "LABELS=label" "SECRETS=secret" "PLATFORMS=platform" "CONTEXTS=build-context")
        string(REPLACE "=" ";" pair "${pair}")
        list(GET pair 0 keyword)
        list(GET pair 1 option)
        foreach(value IN LISTS arg_${keyword})
            list(APPEND command "--${option}=${value}")
        endforeach()
    endforeach()
    set(byproducts)
    foreach(spec IN LISTS arg_OUTPUTS)
        _dfgen_output("${spec}" spec files)
        list(APPEND command "--output=${spec}")
        list(APPEND byproducts ${files})
    endforeach()
    list(APPEND command ${arg_OPTIONS})

    file(MAKE_DIRECTORY "${dir}")
    set_property(DIRECTORY APPEND PROPERTY ADDITIONAL_CLEAN_FILES "${dir}")
    add_custom_command(
        OUTPUT "${stamp}"
        BYPRODUCTS ${byproducts}
        COMMAND ${command}
        DEPENDS ${arg_DEPENDS}
        DEPFILE "${dir}/stamp.d"
        WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}"
        COMMENT "Building image ${name}"
        VERBATIM)
    set(all)
    if(arg_ALL)
        set(all ALL)
    endif()
    add_custom_target(${name} ${all} DEPENDS "${stamp}")
    set_target_properties(${name} PROPERTIES DFGEN_DIR "${dir}" DFGEN_STAMP "${stamp}")
    if(arg_TARGET)
        set_target_properties(${name} PROPERTIES DFGEN_LAYOUT "${dir}/.dfgen/images/${arg_TARGET}")
    endif()
endfunction()

cmake_policy(POP)
