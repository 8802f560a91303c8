# The packages, all header-only, that the library is built with, and cmocka for its tests. What is missing is named together
# with the command that installs it on Debian.
#
# A cross build must not see the system's include directory, only the few packages in it: they are linked into a folder of
# their own.

set(NADIR_HEADERS ${CMAKE_BINARY_DIR}/headers)

function(nadir_require_header header package)
  string(MAKE_C_IDENTIFIER "NADIR_FOUND_${header}" variable)
  find_path(${variable} ${header} PATHS /usr/include NO_CMAKE_FIND_ROOT_PATH)
  mark_as_advanced(${variable})
  if(NOT ${variable})
    message(FATAL_ERROR "Nadir needs <${header}>, which was not found.\n"
                        "On Debian: apt-get install ${package}\n"
                        "Elsewhere: install it and set CMAKE_PREFIX_PATH.")
  endif()
  if(CMAKE_CROSSCOMPILING)
    cmake_path(GET header PARENT_PATH folder)
    file(MAKE_DIRECTORY ${NADIR_HEADERS})
    file(CREATE_LINK ${${variable}}/${folder} ${NADIR_HEADERS}/${folder} SYMBOLIC)
    target_include_directories(nadir_headers SYSTEM INTERFACE ${NADIR_HEADERS})
  else()
    target_include_directories(nadir_headers SYSTEM INTERFACE ${${variable}})
  endif()
endfunction()

add_library(nadir_headers INTERFACE)
nadir_require_header(Random123/philox.h librandom123-dev)
if(NADIR_SIMD)
  nadir_require_header(xsimd/xsimd.hpp libxsimd-dev)
endif()

if(NADIR_TESTS)
  # The reference implementations of the tests.
  nadir_require_header(xtensor/xtensor.hpp libxtensor-dev)
  nadir_require_header(xtl/xtl_config.hpp libxtensor-dev)

  add_library(nadir_cmocka INTERFACE)
  if(NADIR_CMOCKA_SOURCE)
    # For other systems: cmocka's single source file, from its source package.
    add_library(cmocka_static STATIC ${NADIR_CMOCKA_SOURCE}/src/cmocka.c)
    target_include_directories(cmocka_static SYSTEM PUBLIC ${NADIR_CMOCKA_SOURCE}/include)
    set_target_properties(cmocka_static PROPERTIES C_STANDARD 11 C_EXTENSIONS ON)
    target_compile_definitions(cmocka_static PRIVATE HAVE_INTTYPES_H HAVE_STRING_H HAVE_STDLIB_H HAVE_STRINGS_H
                                                     HAVE_SETJMP_H HAVE_STRUCT_TIMESPEC HAVE_TIME_H)
    target_compile_options(cmocka_static PRIVATE -w)
    target_link_libraries(nadir_cmocka INTERFACE cmocka_static)
  else()
    find_library(NADIR_CMOCKA cmocka)
    find_path(NADIR_CMOCKA_INCLUDE cmocka.h)
    mark_as_advanced(NADIR_CMOCKA NADIR_CMOCKA_INCLUDE)
    if(NOT NADIR_CMOCKA OR NOT NADIR_CMOCKA_INCLUDE)
      message(FATAL_ERROR "Nadir's tests need cmocka, which was not found.\n"
                          "On Debian: apt-get install libcmocka-dev\n"
                          "Or build without tests: -DNADIR_TESTS=OFF")
    endif()
    target_link_libraries(nadir_cmocka INTERFACE ${NADIR_CMOCKA})
    target_include_directories(nadir_cmocka SYSTEM INTERFACE ${NADIR_CMOCKA_INCLUDE})
  endif()
  find_package(Threads REQUIRED)
endif()
