// SPDX-License-Identifier: Apache-2.0
// The space is part of a view's type: rows of a device never reach a function of the host.
// says: (convert|conversion|viable|no matching)
// says: kDevice|Space
#include <moxie/core/views.hpp>

#ifdef FIXED
using Mine = moxie::RowsOf<float>;
#else
using Mine = moxie::RowsOf<float, moxie::Space::kDevice>;
#endif

void host(moxie::ConstRows) {}
int main() { host(Mine()); }
