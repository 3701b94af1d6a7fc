# SPDX-License-Identifier: Apache-2.0
# Catch2 3 where the distribution has it, Catch2 2 where it does not (Debian 12); tests/support/catch.hpp
# is the one place that knows the difference.
find_package(Catch2 REQUIRED)
# 3.4 or 5: asking for 3.4 would refuse 5, and as_eigen() means the same in both.
find_package(Eigen3 REQUIRED NO_MODULE)
if(Eigen3_VERSION VERSION_LESS 3.4)
  message(FATAL_ERROR "moxie's tests need Eigen 3.4 or newer; found ${Eigen3_VERSION}")
endif()

# moxie_test(NAME FILES... [LINK targets...] [LABELS labels...] [OWN_NEW]): one test program, registered with CTest.
# OWN_NEW: it replaces operator new, as sanitizers do too; a build with one shows it as skipped.
function(moxie_test name)
  cmake_parse_arguments(arg "OWN_NEW" "" "LINK;LABELS" ${ARGN})
  if(arg_OWN_NEW AND MOXIE_SANITIZE)
    add_test(NAME ${name} COMMAND ${CMAKE_COMMAND} -E echo "skipped: it and the sanitizer both replace operator new")
    set_tests_properties(${name} PROPERTIES LABELS "fast;${arg_LABELS}" SKIP_REGULAR_EXPRESSION "^skipped: ")
    return()
  endif()
  add_executable(test_${name} ${arg_UNPARSED_ARGUMENTS})
  target_link_libraries(test_${name} PRIVATE moxie_test_support moxie::moxie moxie_build_flags ${arg_LINK})
  target_precompile_headers(test_${name} REUSE_FROM moxie_test_support)
  target_compile_definitions(test_${name} PRIVATE MOXIE_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data")
  add_test(NAME ${name} COMMAND test_${name})
  set_tests_properties(${name} PROPERTIES LABELS "fast;${arg_LABELS}" TIMEOUT 600)
endfunction()

# moxie_fuzzer(NAME FILES... [CORPUS folder] [SECONDS n] [LINK targets...]): one libFuzzer program. CTest runs it
# over its corpus and then for a few seconds (label fuzz); run it by hand for as long as you like.
function(moxie_fuzzer name)
  cmake_parse_arguments(arg "" "CORPUS;SECONDS" "LINK" ${ARGN})
  if(NOT arg_SECONDS)
    set(arg_SECONDS 20)
  endif()
  add_executable(fuzz_${name} ${arg_UNPARSED_ARGUMENTS})
  target_include_directories(fuzz_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(fuzz_${name} PRIVATE moxie::moxie moxie_build_flags ${arg_LINK})
  target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  if(NOT TARGET moxie_fuzzers)
    add_custom_target(moxie_fuzzers)
  endif()
  add_dependencies(moxie_fuzzers fuzz_${name})
  # New inputs go to the build folder; what is worth keeping is added to the corpus by hand.
  set(found ${CMAKE_CURRENT_BINARY_DIR}/found_${name})
  file(MAKE_DIRECTORY ${found})
  add_test(NAME fuzz_${name} COMMAND fuzz_${name} -max_total_time=${arg_SECONDS} -timeout=10 -rss_limit_mb=2048
    -artifact_prefix=${CMAKE_CURRENT_BINARY_DIR}/ -print_final_stats=1 ${found} ${arg_CORPUS})
  set_tests_properties(fuzz_${name} PROPERTIES LABELS fuzz TIMEOUT 300)
endfunction()
