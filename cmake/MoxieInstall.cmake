# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` lays down: headers, the library, a package for find_package and one for pkg-config.
# All of it finds its parts relative to itself, so the installed tree may be moved.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(moxie_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/moxie)

# Two exports, so that users of the headers alone need nothing that the compiled library needs.
install(TARGETS moxie_core EXPORT moxie-core FILE_SET HEADERS FILE_SET adaptors)
install(TARGETS ${moxie_compiled_targets} EXPORT moxie-moxie FILE_SET HEADERS
  LIBRARY COMPONENT runtime NAMELINK_COMPONENT development
  ARCHIVE COMPONENT development
  RUNTIME COMPONENT runtime)
if(BUILD_SHARED_LIBS)
  install(TARGETS moxie_text moxie_chat EXPORT moxie-moxie)
endif()
foreach(component core moxie)
  install(EXPORT moxie-${component} NAMESPACE moxie:: DESTINATION ${moxie_package_dir}
    FILE moxie-${component}-targets.cmake)
endforeach()

# A shared library has its dependencies inside; a static one hands them to whoever links it.
set(moxie_package_dependencies "")
set(moxie_pc_libs_private "")
set(moxie_pc_requires_private "")
set(moxie_pc_libs "-lmoxie")
if(NOT BUILD_SHARED_LIBS)
  set(moxie_pc_libs "-lmoxie_chat -lmoxie -lmoxie_text")
  string(APPEND moxie_package_dependencies "  find_dependency(PkgConfig)\n"
    "  pkg_check_modules(pcre2 REQUIRED QUIET IMPORTED_TARGET libpcre2-8)\n"
    "  pkg_check_modules(utf8proc REQUIRED QUIET IMPORTED_TARGET libutf8proc)\n"
    "  find_dependency(OpenSSL COMPONENTS Crypto)\n")
  set(moxie_pc_requires_private "libpcre2-8, libutf8proc, libcrypto")
  if(DNNL::dnnl IN_LIST moxie_private_dependencies)
    string(APPEND moxie_package_dependencies "  find_dependency(dnnl)\n")
    # pkg-config cannot ask oneDNN's package where it is.
    get_target_property(moxie_dnnl_configs DNNL::dnnl IMPORTED_CONFIGURATIONS)
    foreach(config IN LISTS moxie_dnnl_configs)
      get_target_property(moxie_dnnl_file DNNL::dnnl IMPORTED_LOCATION_${config})
    endforeach()
    if(moxie_dnnl_file)
      cmake_path(GET moxie_dnnl_file PARENT_PATH moxie_dnnl_dir)
      if(NOT moxie_dnnl_dir IN_LIST CMAKE_CXX_IMPLICIT_LINK_DIRECTORIES)
        string(APPEND moxie_pc_libs_private " -L${moxie_dnnl_dir}")
      endif()
    endif()
    string(APPEND moxie_pc_libs_private " -ldnnl")
  endif()
  if(OpenMP::OpenMP_CXX IN_LIST moxie_private_dependencies)
    string(APPEND moxie_package_dependencies "  find_dependency(OpenMP COMPONENTS CXX)\n")
    # Not the compiler's flag: the user's compiler may be another one, and another runtime would come with it.
    foreach(lib IN LISTS OpenMP_CXX_LIB_NAMES)
      if(lib STREQUAL "gomp")
        string(APPEND moxie_pc_libs_private " -lgomp")
      elseif(NOT lib STREQUAL "pthread")
        string(APPEND moxie_pc_libs_private " ${OpenMP_${lib}_LIBRARY}")
      endif()
    endforeach()
  endif()
  string(APPEND moxie_pc_libs_private " -pthread")
endif()
string(STRIP "${moxie_pc_libs_private}" moxie_pc_libs_private)

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/moxieConfig.cmake.in
  ${PROJECT_BINARY_DIR}/moxieConfig.cmake INSTALL_DESTINATION ${moxie_package_dir}
  NO_SET_AND_CHECK_MACRO)
# While the version is 0.x, every minor version may break users.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/moxieConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/moxieConfig.cmake ${PROJECT_BINARY_DIR}/moxieConfigVersion.cmake
  DESTINATION ${moxie_package_dir})

# pkg-config: paths from the place of the file itself, but for those that are absolute by choice.
set(moxie_pc_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
cmake_path(ABSOLUTE_PATH moxie_pc_dir BASE_DIRECTORY ${CMAKE_INSTALL_PREFIX} OUTPUT_VARIABLE moxie_pc_full_dir)
foreach(kind LIBDIR INCLUDEDIR)
  if(IS_ABSOLUTE "${CMAKE_INSTALL_${kind}}")
    set(moxie_pc_${kind} ${CMAKE_INSTALL_${kind}})
  else()
    set(moxie_pc_${kind} "\${prefix}/${CMAKE_INSTALL_${kind}}")
  endif()
endforeach()
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  set(moxie_pc_prefix ${CMAKE_INSTALL_PREFIX})
else()
  file(RELATIVE_PATH moxie_pc_up ${moxie_pc_full_dir} ${CMAKE_INSTALL_PREFIX})
  string(REGEX REPLACE "/$" "" moxie_pc_up "${moxie_pc_up}")
  set(moxie_pc_prefix "\${pcfiledir}/${moxie_pc_up}")
endif()
set(moxie_pc_cflags "")
if(BUILD_SHARED_LIBS AND WIN32)
  set(moxie_pc_cflags " -DMOXIE_SHARED")
endif()
configure_file(${PROJECT_SOURCE_DIR}/cmake/moxie.pc.in ${PROJECT_BINARY_DIR}/moxie.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/moxie.pc DESTINATION ${moxie_pc_dir})

install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
