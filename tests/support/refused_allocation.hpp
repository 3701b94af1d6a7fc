// SPDX-License-Identifier: Apache-2.0
#pragma once

// The sanitizers end the program at an impossible allocation, unless they are told to refuse it as the system does. For
// one file of a test.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }
extern "C" const char* __tsan_default_options();
extern "C" const char* __tsan_default_options() { return "allocator_may_return_null=1"; }
