# SPDX-License-Identifier: Apache-2.0
# Catch2 3 where the distribution has it, Catch2 2 where it does not (Debian 12); tests/support/catch.hpp
# is the one place that knows the difference.
find_package(Catch2 REQUIRED)
# 3.4 or 5: asking for 3.4 would refuse 5, and as_eigen() means the same in both.
find_package(Eigen3 REQUIRED NO_MODULE)
if(Eigen3_VERSION VERSION_LESS 3.4)
  message(FATAL_ERROR "moxie's tests need Eigen 3.4 or newer; found ${Eigen3_VERSION}")
endif()

# moxie_test(NAME FILES... [HIDDEN files...] [LINK targets...] [INCLUDE folders...] [LABELS labels...] [LONG] [OWN_NEW]
# [THREADS]): one test program, registered with CTest.
# HIDDEN: files below src/ whose functions the test calls although they are no API. A static library has them; a shared
# one hides them, so there they are compiled into the test itself.
# LONG: it takes its time, so it belongs to the tier `long` (the release build alone) instead of `fast`.
# THREADS: several threads run in it, so the thread sanitizer watches it; of the others that one would say what the
# other builds say, and it builds none.
# OWN_NEW: it replaces operator new, as sanitizers do too; a build with one shows it as skipped.
function(moxie_test name)
  cmake_parse_arguments(arg "LONG;OWN_NEW;THREADS" "" "HIDDEN;LINK;INCLUDE;LABELS" ${ARGN})
  if(MOXIE_SANITIZE STREQUAL "thread" AND NOT arg_THREADS)
    return()
  endif()
  set(tier fast)
  if(arg_LONG)
    set(tier long)
  endif()
  if(arg_OWN_NEW AND MOXIE_SANITIZE)
    add_test(NAME ${name} COMMAND ${CMAKE_COMMAND} -E echo "skipped: it and the sanitizer both replace operator new")
    set_tests_properties(${name} PROPERTIES LABELS "${tier};${arg_LABELS}" SKIP_REGULAR_EXPRESSION "^skipped: ")
    return()
  endif()
  set(hidden ${arg_HIDDEN})
  list(TRANSFORM hidden PREPEND ${PROJECT_SOURCE_DIR}/src/)
  add_executable(test_${name} ${arg_UNPARSED_ARGUMENTS} $<$<BOOL:${BUILD_SHARED_LIBS}>:${hidden}>)
  target_link_libraries(test_${name} PRIVATE moxie_test_support moxie::chat moxie_build_flags ${arg_LINK})
  target_include_directories(test_${name} PRIVATE ${arg_INCLUDE})
  target_precompile_headers(test_${name} REUSE_FROM moxie_test_support)
  add_test(NAME ${name} COMMAND test_${name})
  set_tests_properties(${name} PROPERTIES LABELS "${tier};${arg_LABELS}" TIMEOUT 600)
endfunction()

# moxie_test_onednn_capped(NAME ISA): the test NAME once more where oneDNN takes the machine for one with ISA alone. Not
# under a sanitizer, which cannot see into the code that oneDNN generates.
function(moxie_test_onednn_capped name isa)
  if(MOXIE_SANITIZE OR NOT MOXIE_ONEDNN)
    return()
  endif()
  string(TOLOWER ${isa} suffix)
  add_test(NAME ${name}_onednn_${suffix} COMMAND test_${name})
  set_tests_properties(${name}_onednn_${suffix} PROPERTIES LABELS fast TIMEOUT 600
    ENVIRONMENT "ONEDNN_MAX_CPU_ISA=${isa};OMP_WAIT_POLICY=passive")
endfunction()
