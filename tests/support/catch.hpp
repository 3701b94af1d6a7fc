// SPDX-License-Identifier: Apache-2.0
#pragma once

// Catch2 3 or Catch2 2: tests include this and see no difference.

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#define MOXIE_CATCH2_HAS_MAIN 1
#else
#include <catch2/catch.hpp>
#define MOXIE_CATCH2_HAS_MAIN 0
#endif
