# An overlay port of the tree that this file lies in: vcpkg install wolframite --overlay-ports=packaging/vcpkg
# A registry's copy gets its source with vcpkg_from_github or the like instead.
get_filename_component(SOURCE_PATH "${CURRENT_PORT_DIR}/../.." ABSOLUTE)

vcpkg_check_features(OUT_FEATURE_OPTIONS options FEATURES
  asio WOLFRAMITE_ASIO
  deflate WOLFRAMITE_DEFLATE
  epoll WOLFRAMITE_EPOLL
  uring WOLFRAMITE_URING)

vcpkg_cmake_configure(
  SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS ${options}
    -DWOLFRAMITE_TESTS=OFF
    -DWOLFRAMITE_EXAMPLES=OFF
    -DWOLFRAMITE_WERROR=OFF)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(PACKAGE_NAME wolframite CONFIG_PATH lib/cmake/wolframite)
vcpkg_fixup_pkgconfig()
vcpkg_copy_pdbs()

file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug/include" "${CURRENT_PACKAGES_DIR}/debug/share")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
