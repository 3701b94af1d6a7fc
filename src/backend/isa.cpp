// SPDX-License-Identifier: Apache-2.0
#include "backend/isa.hpp"

#include <string_view>

#if defined(MOXIE_X86_PATHS)
#include <cpuid.h>
#endif

namespace moxie::inline abi1 {

std::string_view name(Isa isa) noexcept {
  switch (isa) {
    case Isa::kPortable: return "portable";
    case Isa::kAvx2: return "avx2";
    case Isa::kAvx512: return "avx512";
    case Isa::kAvx512Vnni: return "avx512vnni";
  }
  return "unknown";
}

namespace backend {

namespace {

#if defined(MOXIE_X86_PATHS)
bool has_avx2() noexcept {
  // clang 14's __builtin_cpu_supports does not know "f16c".
  unsigned a = 0, b = 0, c = 0, d = 0;
  const bool has_f16c = __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
  return has_f16c && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
bool has_avx512() noexcept {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}
bool has_avx512vnni() noexcept { return has_avx512() && __builtin_cpu_supports("avx512vnni"); }
#endif

struct Level {
  Isa isa;
  bool (*is_there)() noexcept;
  const Ops& ops;
};

/// Best first. Each has the instructions of those below it.
constexpr Level kLevels[] = {
#if defined(MOXIE_X86_PATHS)
    {Isa::kAvx512Vnni, has_avx512vnni, kAvx512Ops},  // VNNI multiplies integers, and these kernels have none
    {Isa::kAvx512, has_avx512, kAvx512Ops},
    {Isa::kAvx2, has_avx2, kAvx2Ops},
#endif
    {Isa::kPortable, []() noexcept { return true; }, kPortableOps},
};

}  // namespace

bool cpu_has(Isa isa) noexcept {
  for (const Level& level : kLevels) {
    if (level.isa == isa) return level.is_there();
  }
  return false;
}

Isa best_isa() noexcept {
  for (const Level& level : kLevels) {
    if (level.is_there()) return level.isa;
  }
  return Isa::kPortable;
}

Text cpu_isas() noexcept {
  Text text;
  for (const Level& level : kLevels) {
    if (level.is_there()) text = Text(text.view(), text.view().empty() ? "" : ", ", name(level.isa));
  }
  return text;
}

const Ops& ops_for(Isa isa) noexcept {
  for (const Level& level : kLevels) {
    if (level.isa == isa) return level.ops;
  }
  return kPortableOps;
}

}  // namespace backend

}  // namespace moxie
