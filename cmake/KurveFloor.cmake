# SPDX-License-Identifier: Apache-2.0
# Warnings, as a library so that no global flag is set; linked PRIVATE and never installed.
option(KURVE_WERROR "warnings are errors" OFF)
# -Wno-missing-field-initializers: designated initialisers leave out what keeps its default.
# -Wno-restrict: g++ 12 warns falsely on `literal + std::string` (GCC bug 105329).
add_library(kurve_warnings INTERFACE)
target_compile_options(kurve_warnings INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wdouble-promotion -Wno-restrict -Wno-missing-field-initializers>
  $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:${KURVE_WERROR}>>:-Werror>)

# Release is built as the OpenSSF advises (best.openssf.org, "Compiler Options Hardening Guide for C and C++"); as a library too, so
# that a stranger's project that links Kurve keeps its own options.
include(CheckPIESupported)
check_pie_supported()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
add_library(kurve_hardening INTERFACE)
target_compile_options(kurve_hardening INTERFACE
  $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CONFIG:Release>>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -D_GLIBCXX_ASSERTIONS -fstack-protector-strong>)
target_link_options(kurve_hardening INTERFACE $<$<CONFIG:Release>:LINKER:-z,relro,-z,now,-z,noexecstack>)

# kurve_floor(name HEADERS ... SOURCES ... DEPS ... PRIVATE_DEPS ...)
# One static library a floor: target kurve_<name>, alias kurve::<name>. HEADERS are the public ones: included by path from the root,
# compiled alone by the target `all_verify_interface_header_sets`, installed under include/kurve.
function(kurve_floor name)
  cmake_parse_arguments(ARG "" "" "HEADERS;SOURCES;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(kurve_${name} STATIC ${ARG_SOURCES})
  add_library(kurve::${name} ALIAS kurve_${name})
  target_sources(kurve_${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${ARG_HEADERS})
  target_compile_features(kurve_${name} PUBLIC cxx_std_20)
  set_target_properties(kurve_${name} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON EXPORT_NAME ${name}
                        POSITION_INDEPENDENT_CODE ON)
  target_link_libraries(kurve_${name} PUBLIC ${ARG_DEPS}
                        PRIVATE ${ARG_PRIVATE_DEPS} $<BUILD_INTERFACE:kurve_warnings> $<BUILD_INTERFACE:kurve_hardening>)
  target_include_directories(kurve_${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
                             $<INSTALL_INTERFACE:include/kurve>)
endfunction()
