// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace moxie::test {

/// How often this program has called operator new, from any thread. Only in a program that is built
/// with allocations.cpp:
///     moxie_test(name name_test.cpp ${PROJECT_SOURCE_DIR}/tests/support/allocations.cpp)
std::size_t allocations_so_far() noexcept;

}  // namespace moxie::test
