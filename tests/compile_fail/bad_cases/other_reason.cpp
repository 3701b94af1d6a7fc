// SPDX-License-Identifier: Apache-2.0
// says: Expert
#ifdef FIXED
int main() {}
#else
int main() { return "something else"; }
#endif
