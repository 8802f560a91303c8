# `cmake --install`: the library, its header, nadir.pc for pkg-config and a package for find_package(nadir).
include(CMakePackageConfigHelpers)

install(TARGETS nadir EXPORT nadir-targets)
install(DIRECTORY include/nadir DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT nadir-targets NAMESPACE nadir:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/nadir)

write_basic_package_version_file(nadir-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_SOURCE_DIR}/cmake/nadir-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/nadir-config-version.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/nadir)

# Relative to nadir.pc, so that an installed tree can be moved.
file(RELATIVE_PATH NADIR_PC_PREFIX
     ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(cmake/nadir.pc.in nadir.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/nadir.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
