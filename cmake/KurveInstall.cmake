# SPDX-License-Identifier: Apache-2.0
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
install(TARGETS kurve_model kurve_data kurve_calibrate kurve_sim kurve_validate EXPORT kurveTargets
        FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/kurve)
install(TARGETS kurve RUNTIME)
install(EXPORT kurveTargets NAMESPACE kurve:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/kurve)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/kurveConfig.cmake.in ${PROJECT_BINARY_DIR}/kurveConfig.cmake
                              INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/kurve)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/kurveConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/kurveConfig.cmake ${PROJECT_BINARY_DIR}/kurveConfigVersion.cmake
              ${PROJECT_SOURCE_DIR}/cmake/FindNCCL.cmake ${PROJECT_SOURCE_DIR}/cmake/FindRE2.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/kurve)
