// SPDX-License-Identifier: Apache-2.0
// Catch2 2 compiles its runner into one file of ours; Catch2 3 brings a library with main().
#if !__has_include(<catch2/catch_all.hpp>)
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#endif
