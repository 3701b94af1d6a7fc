// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace moxie::test {

/// What a program holds from operator new, in bytes, all threads together. Only in a program that is built with
/// peak_memory.cpp:
///     moxie_test(name name_test.cpp ${PROJECT_SOURCE_DIR}/tests/support/peak_memory.cpp)
std::size_t live_bytes() noexcept;
/// The most that it held at once since the last start_peak().
std::size_t peak_bytes() noexcept;
void start_peak() noexcept;

}  // namespace moxie::test
