// SPDX-License-Identifier: Apache-2.0
// says: the shared expert of a MoeLayer is an Expert
#include <moxie/expert/any_expert.hpp>
#include <moxie/moe/moe_layer.hpp>
#include <moxie/router/top_k.hpp>

#ifdef FIXED
using Mine = moxie::AnyExpert;
#else
using Mine = int;
#endif

using Layer = moxie::MoeLayer<moxie::TopK, moxie::ExpertBank<moxie::AnyExpert>, Mine>;
int main() { return sizeof(Layer) != 0 ? 0 : 1; }
