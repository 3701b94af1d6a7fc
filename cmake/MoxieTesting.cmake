# SPDX-License-Identifier: Apache-2.0
# Catch2 3 where the distribution has it, Catch2 2 where it does not (Debian 12); tests/support/catch.hpp
# is the one place that knows the difference.
find_package(Catch2 REQUIRED)
find_package(Eigen3 3.4 REQUIRED)

# moxie_test(NAME FILES... [LINK targets...] [LABELS labels...]): one test program, registered with CTest.
function(moxie_test name)
  cmake_parse_arguments(arg "" "" "LINK;LABELS" ${ARGN})
  add_executable(test_${name} ${arg_UNPARSED_ARGUMENTS})
  target_link_libraries(test_${name} PRIVATE moxie_test_support moxie::moxie moxie_build_flags ${arg_LINK})
  target_precompile_headers(test_${name} REUSE_FROM moxie_test_support)
  target_compile_definitions(test_${name} PRIVATE MOXIE_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data")
  add_test(NAME ${name} COMMAND test_${name})
  set_tests_properties(${name} PROPERTIES LABELS "fast;${arg_LABELS}" TIMEOUT 600)
endfunction()
