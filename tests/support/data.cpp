// SPDX-License-Identifier: Apache-2.0
#include "support/data.hpp"

namespace moxie::test {

std::filesystem::path test_data() { return MOXIE_TEST_DATA; }

}  // namespace moxie::test
