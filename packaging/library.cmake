# What the libraries have in common: how they are named, built, installed and found again.
include(GNUInstallDirs)

# Until 1.0 a minor version may change the binary interface.
set(WOLFRAMITE_SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
set(WOLFRAMITE_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/wolframite)
set(WOLFRAMITE_PACKAGING_DIR ${CMAKE_CURRENT_LIST_DIR})
if(BUILD_SHARED_LIBS)
  set(WOLFRAMITE_LINKAGE shared)
else()
  set(WOLFRAMITE_LINKAGE static)
endif()

# wolframite_library(<name>
#   SOURCES <of src/>...
#   [PUBLIC <targets>...] [PRIVATE <targets>...]     what it links
#   [DESCRIPTION <text>]                             and for pkg-config:
#   [REQUIRES <modules>...] [REQUIRES_PRIVATE <modules>...] [CFLAGS <flags>] [LIBS_PRIVATE <flags>])
#
# The library wolframite::<name>: static, or shared with BUILD_SHARED_LIBS. What public headers declare between
# `#pragma GCC visibility push(default)` and `pop` can be seen from outside a shared one, and nothing else.
function(wolframite_library name)
  cmake_parse_arguments(PARSE_ARGV 1 the "" "DESCRIPTION;CFLAGS;LIBS_PRIVATE"
    "SOURCES;PUBLIC;PRIVATE;REQUIRES;REQUIRES_PRIVATE")
  set(target wolframite_${name})
  add_library(${target})
  add_library(wolframite::${name} ALIAS ${target})
  list(TRANSFORM the_SOURCES PREPEND src/)
  target_sources(${target} PRIVATE ${the_SOURCES})
  target_include_directories(${target}
    PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>
      $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
    PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/src)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_link_libraries(${target}
    PUBLIC ${the_PUBLIC}
    PRIVATE ${the_PRIVATE}
      $<BUILD_INTERFACE:wolframite_warnings> $<BUILD_INTERFACE:wolframite_scribble>)
  set_target_properties(${target} PROPERTIES
    EXPORT_NAME ${name}
    VERSION ${PROJECT_VERSION}
    SOVERSION ${WOLFRAMITE_SOVERSION}
    CXX_EXTENSIONS OFF
    CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON
    DEFINE_SYMBOL ""
    POSITION_INDEPENDENT_CODE ON)
  if(NOT WOLFRAMITE_INSTALL)
    return()
  endif()

  install(TARGETS ${target} EXPORT wolframite-${name}-${WOLFRAMITE_LINKAGE}
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT development
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
  install(EXPORT wolframite-${name}-${WOLFRAMITE_LINKAGE} NAMESPACE wolframite::
    DESTINATION ${WOLFRAMITE_PACKAGE_DIR} COMPONENT development)
  install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)

  # A static library hands on what it needs itself, a shared one has it linked already.
  list(JOIN the_REQUIRES ", " requires)
  list(JOIN the_REQUIRES_PRIVATE ", " requires_private)
  # Relative, so that the prefix may still be chosen, or changed, when it is installed.
  file(RELATIVE_PATH prefix ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
  configure_file(${WOLFRAMITE_PACKAGING_DIR}/component.pc.in wolframite-${name}.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/wolframite-${name}.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
endfunction()
