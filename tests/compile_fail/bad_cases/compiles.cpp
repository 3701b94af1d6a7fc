// SPDX-License-Identifier: Apache-2.0
// says: anything
int main() {}
