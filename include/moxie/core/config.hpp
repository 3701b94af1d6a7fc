// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the compiler offers. Nothing here changes the layout of a type, so translation units built
// with different flags may share objects.

/// MOXIE_API marks what the compiled library exports; everything else in it is hidden.
/// On Windows MOXIE_SHARED is defined for users of the shared library, MOXIE_BUILDING while it is built.
#if defined(_WIN32) && defined(MOXIE_SHARED)
#if defined(MOXIE_BUILDING)
#define MOXIE_API __declspec(dllexport)
#else
#define MOXIE_API __declspec(dllimport)
#endif
#elif defined(__GNUC__)
#define MOXIE_API __attribute__((visibility("default")))
#else
#define MOXIE_API
#endif

#if defined(__cpp_exceptions) && __cpp_exceptions
#define MOXIE_HAS_EXCEPTIONS 1
#else
#define MOXIE_HAS_EXCEPTIONS 0
#endif

/// Stands before an inline function that is another one in a file without exceptions: one that catches, one that calls
/// such a function, and one that holds something while a plug-in may throw. The linker keeps one body for each name in
/// the whole program, so the function has another name in a file without exceptions. Types that files share
/// have no tag. The compiled library has exceptions, so its names have no tag either.
#if !MOXIE_HAS_EXCEPTIONS && defined(__GNUC__)
#define MOXIE_OPTION_TAG [[gnu::abi_tag("noexceptions")]]
#else
#define MOXIE_OPTION_TAG
#endif

/// 1 where the header-only math may carry an AVX2 body chosen at run time (same bits, faster).
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define MOXIE_X86_BODIES 1
#else
#define MOXIE_X86_BODIES 0
#endif

// No file may opt out: the linker could give the whole program that file's inline functions.
#if defined(__FAST_MATH__)
#error \
    "moxie promises the same bits for every batch; -ffast-math breaks that. Remove it for the files that include moxie."
#endif
