// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which sanitizer this program is built with: g++ says it by a macro, clang by a feature.
#if !defined(__has_feature)
#define MOXIE_TEST_HAS_FEATURE(feature) 0
#else
#define MOXIE_TEST_HAS_FEATURE(feature) __has_feature(feature)
#endif

namespace moxie::test {

#if defined(__SANITIZE_ADDRESS__) || MOXIE_TEST_HAS_FEATURE(address_sanitizer)
inline constexpr bool kAddressSanitizer = true;
#else
inline constexpr bool kAddressSanitizer = false;
#endif

#if defined(__SANITIZE_THREAD__) || MOXIE_TEST_HAS_FEATURE(thread_sanitizer)
inline constexpr bool kThreadSanitizer = true;
#else
inline constexpr bool kThreadSanitizer = false;
#endif

/// Frames are many times as large, and all takes many times as long.
inline constexpr bool kSanitized = kAddressSanitizer || kThreadSanitizer;

}  // namespace moxie::test

#undef MOXIE_TEST_HAS_FEATURE
