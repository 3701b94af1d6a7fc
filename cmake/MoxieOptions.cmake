# SPDX-License-Identifier: Apache-2.0
# Everything that can be chosen, in one place. As a subproject, moxie builds the library alone.
include(GNUInstallDirs)

if(PROJECT_IS_TOP_LEVEL)  # otherwise it is the host's
  option(BUILD_SHARED_LIBS "Build moxie::moxie as a shared library" OFF)
endif()
option(MOXIE_ONEDNN "Float products by oneDNN where its rows are independent" ON)
option(MOXIE_OPENMP "Offer the OpenMP executor" ON)
option(MOXIE_BUILD_EXAMPLES "Build the examples and the program moxie" ${PROJECT_IS_TOP_LEVEL})
option(MOXIE_BUILD_TESTS "Build the tests" ${PROJECT_IS_TOP_LEVEL})
option(MOXIE_BUILD_BENCH "Build the benchmarks" OFF)
option(MOXIE_BUILD_FUZZERS "Build the libFuzzer targets (clang)" OFF)
option(MOXIE_INSTALL "Make the install target" ${PROJECT_IS_TOP_LEVEL})
option(MOXIE_WERROR "Treat warnings as errors (for moxie's own developers)" OFF)
set(MOXIE_SANITIZE "" CACHE STRING "Sanitizers for moxie's own targets, e.g. address,undefined or thread")

if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

# The compiled libraries, and which of them a component's files go to (src/CMakeLists.txt says what each is).
if(BUILD_SHARED_LIBS)
  set(moxie_compiled_targets moxie)
  set(moxie_text_target moxie)
  set(moxie_chat_target moxie)
else()
  set(moxie_compiled_targets moxie_text moxie moxie_chat)
  set(moxie_text_target moxie_text)
  set(moxie_chat_target moxie_chat)
endif()

set(CMAKE_CXX_EXTENSIONS OFF)

# What moxie's own targets are compiled with. Private: no flag of ours reaches users.
add_library(moxie_build_flags INTERFACE)
target_compile_features(moxie_build_flags INTERFACE cxx_std_20)
target_compile_options(moxie_build_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast -Wnon-virtual-dtor
  -Woverloaded-virtual -Wdouble-promotion -Wformat=2 -Wimplicit-fallthrough -Wcast-align
  # The row law: a multiply and an add are one operation only where the code says fma.
  -ffp-contract=off
  $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-cond -Wlogical-op>
  # g++ 12 sees overlaps inside std::string's own operator+ that cannot be.
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict>
  # Two that g++ derives from what its optimiser leaves over. From 13 on they see ghosts inside the standard
  # library (std::optional, std::swap); clang and g++ 12 look, and so do the sanitizers.
  $<IF:$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_GREATER_EQUAL:$<CXX_COMPILER_VERSION>,13>>,-Wno-maybe-uninitialized,-Wnull-dereference>
  $<$<BOOL:${MOXIE_WERROR}>:-Werror>)
if(MOXIE_SANITIZE)
  target_compile_options(moxie_build_flags INTERFACE
    -fsanitize=${MOXIE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
  target_link_options(moxie_build_flags INTERFACE -fsanitize=${MOXIE_SANITIZE})
  # Test programs with a sanitizer are large, and there are many.
  find_program(MOXIE_LLD ld.lld)
  mark_as_advanced(MOXIE_LLD)
  if(MOXIE_LLD AND CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    target_link_options(moxie_build_flags INTERFACE -fuse-ld=lld)
  endif()
endif()
