// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace moxie::test {

/// The folder tests/data. A function, so that one object alone holds its absolute path: all others are the same in
/// every clone, and a compiler's cache serves them.
std::filesystem::path test_data();

}  // namespace moxie::test
