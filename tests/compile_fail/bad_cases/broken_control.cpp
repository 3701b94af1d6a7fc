// SPDX-License-Identifier: Apache-2.0
// says: undeclared
int main() { return undeclared; }
