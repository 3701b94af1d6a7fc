// SPDX-License-Identifier: Apache-2.0
// says: a TupleBank holds at least one expert
#include <moxie/expert/any_expert.hpp>
#include <moxie/moe/bank.hpp>

#ifdef FIXED
using Mine = moxie::TupleBank<moxie::AnyExpert>;
#else
using Mine = moxie::TupleBank<>;
#endif

int main() { return sizeof(Mine) != 0 ? 0 : 1; }
