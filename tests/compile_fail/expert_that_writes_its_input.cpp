// SPDX-License-Identifier: Apache-2.0
// Const rows do not become writable ones.
// says: (convert|conversion|viable|no matching)
// says: ConstRows|RowsOf<const float>
#include <moxie/expert/expert.hpp>

#ifdef FIXED
void scale(moxie::ConstRows) {}
#else
void scale(moxie::Rows) {}
#endif

int main() {
  const float x[] = {1.0f};
  scale(moxie::ConstRows(x, 1, 1));
}
