# How the libraries are found once installed, and Debian packages of them: cpack -G DEB. After all libraries.
include(CMakePackageConfigHelpers)

configure_package_config_file(${WOLFRAMITE_PACKAGING_DIR}/wolframite-config.cmake.in
  ${PROJECT_BINARY_DIR}/wolframite-config.cmake INSTALL_DESTINATION ${WOLFRAMITE_PACKAGE_DIR})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/wolframite-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/wolframite-config.cmake
  ${PROJECT_BINARY_DIR}/wolframite-config-version.cmake
  DESTINATION ${WOLFRAMITE_PACKAGE_DIR} COMPONENT development)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE RENAME copyright
  DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/libwolframite-dev COMPONENT development)

# The libraries alone, and what one compiles with. A shared build gives both, a static one the second.
set(CPACK_PACKAGE_NAME wolframite)
set(CPACK_PACKAGE_VENDOR "The Wolframite maintainers")
set(CPACK_PACKAGE_CONTACT "the maintainers <maintainers@wolframite.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_GENERATOR DEB)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_COMPONENTS_ALL development)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libwolframite-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "libssl-dev, zlib1g-dev, libexpected-dev, liburing-dev")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION "Headers and libraries to build with")
if(BUILD_SHARED_LIBS)
  list(APPEND CPACK_COMPONENTS_ALL runtime)
  set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME libwolframite${WOLFRAMITE_SOVERSION})
  set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
  set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
  # The libraries need each other: they are looked for where they are built.
  set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS
    ${PROJECT_BINARY_DIR}/core ${PROJECT_BINARY_DIR}/adapters/common)
  set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_STRICT_PERMISSION ON)
  set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
  string(APPEND CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
    ", libwolframite${WOLFRAMITE_SOVERSION} (= ${PROJECT_VERSION})")
  set(CPACK_COMPONENT_RUNTIME_DESCRIPTION "The shared libraries")
endif()
include(CPack)
