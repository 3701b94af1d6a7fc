# SPDX-License-Identifier: Apache-2.0
# Public headers, as file sets: what is installed, and what all_verify_interface_header_sets compiles alone.

# Layers that need nothing compiled belong to moxie::core, the others to their component.
set(moxie_header_only_layers core router expert moe testing)
set(moxie_text_layers format text constraint)
set(moxie_chat_layers tool chat)

set(moxie_include_dir ${PROJECT_SOURCE_DIR}/include)
file(GLOB_RECURSE moxie_headers CONFIGURE_DEPENDS ${moxie_include_dir}/*.hpp)
set(moxie_core_headers ${moxie_headers})
list(JOIN moxie_header_only_layers "|" moxie_header_only_pattern)
list(FILTER moxie_core_headers INCLUDE REGEX "/include/moxie/(${moxie_header_only_pattern})/")
set(moxie_compiled_headers ${moxie_headers})
if(moxie_core_headers)
  list(REMOVE_ITEM moxie_compiled_headers ${moxie_core_headers})
endif()

# Adaptors need a package that only their users must have, so they are no part of the set that is verified.
set(moxie_adaptor_headers ${moxie_include_dir}/moxie/core/eigen.hpp)
list(REMOVE_ITEM moxie_core_headers ${moxie_adaptor_headers})

target_sources(moxie_core INTERFACE
  FILE_SET HEADERS BASE_DIRS ${moxie_include_dir} FILES ${moxie_core_headers}
  FILE_SET adaptors TYPE HEADERS BASE_DIRS ${moxie_include_dir} FILES ${moxie_adaptor_headers})
if(NOT BUILD_SHARED_LIBS)
  foreach(component text chat)
    list(JOIN moxie_${component}_layers "|" pattern)
    set(headers ${moxie_compiled_headers})
    list(FILTER headers INCLUDE REGEX "/include/moxie/(${pattern})/")
    if(component STREQUAL "chat")
      list(APPEND headers ${moxie_include_dir}/moxie/moxie.hpp)
    endif()
    list(REMOVE_ITEM moxie_compiled_headers ${headers})
    target_sources(moxie_${component} PUBLIC
      FILE_SET HEADERS BASE_DIRS ${moxie_include_dir} FILES ${headers})
  endforeach()
endif()
target_sources(moxie PUBLIC
  FILE_SET HEADERS BASE_DIRS ${moxie_include_dir} FILES ${moxie_compiled_headers})

if(PROJECT_IS_TOP_LEVEL)
  set_target_properties(moxie_core ${moxie_compiled_targets} PROPERTIES
    VERIFY_INTERFACE_HEADER_SETS ON INTERFACE_HEADER_SETS_TO_VERIFY HEADERS)
  find_package(Eigen3 QUIET NO_MODULE)
  if(TARGET Eigen3::Eigen)
    add_library(moxie_adaptors INTERFACE)
    target_link_libraries(moxie_adaptors INTERFACE moxie_core Eigen3::Eigen)
    target_sources(moxie_adaptors INTERFACE
      FILE_SET HEADERS BASE_DIRS ${moxie_include_dir} FILES ${moxie_adaptor_headers})
    set_target_properties(moxie_adaptors PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  endif()
endif()
