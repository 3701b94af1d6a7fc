// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <oneapi/dnnl/dnnl.hpp>

#include <omp.h>
#include <sys/mman.h>

#include <moxie/core/status.hpp>

// The one place that knows how oneDNN 2 and 3 differ, and how to keep either on one thread.

namespace moxie::inline abi1::backend {

/// A matmul whose weights lie as `weights` says (or as oneDNN likes best: format_tag::any), with
/// scratch memory from the caller. Throws dnnl::error.
inline dnnl::matmul::primitive_desc describe_matmul(const dnnl::engine& engine, const dnnl::memory::desc& x,
                                                    const dnnl::memory::desc& weights, const dnnl::memory::desc& y) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
#if DNNL_VERSION_MAJOR >= 3
  return {engine, x, weights, y, attributes};
#else
  return {dnnl::matmul::desc(x, weights, y), attributes, engine};
#endif
}

/// The code of what oneDNN threw: `otherwise`, but for a lack of memory.
inline Code code_of(const dnnl::error& error, Code otherwise) noexcept {
  return error.status == dnnl_out_of_memory ? Code::kNoMemory : otherwise;
}

/// Throws dnnl_out_of_memory unless the system still has what oneDNN takes at most to make one object.
///
/// oneDNN writes the code that it generates without looking whether it got memory for it (2.6.3: Xbyak's CodeArray,
/// built without exceptions, leaves a null pointer), and constructs its objects where malloc said null: the process
/// ends there. Making a matmul took up to 1.6 MiB of addresses, its first run up to 5.8 MiB (SSE4.1 to AVX-512, depths
/// of 16 to 16,384). Looking is all that can be done: another thread may take the memory in between.
inline void require_headroom() {
  constexpr std::size_t kHeadroom = std::size_t{16} << 20;
  void* memory = ::mmap(nullptr, kHeadroom, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw dnnl::error(dnnl_out_of_memory, "less than 16 MiB of memory are left for oneDNN");
  ::munmap(memory, kHeadroom);
}

/// While it lives, oneDNN stays on the calling thread. oneDNN takes as many OpenMP threads as the
/// calling thread is allowed; inside our executor that must be one. The host's setting comes back.
class OnOneThread {
 public:
  OnOneThread() noexcept : before_(omp_get_max_threads()) {
    if (before_ != 1) omp_set_num_threads(1);
  }
  ~OnOneThread() {
    if (before_ != 1) omp_set_num_threads(before_);
  }
  OnOneThread(const OnOneThread&) = delete;
  OnOneThread& operator=(const OnOneThread&) = delete;

 private:
  int before_;
};

}  // namespace moxie::backend
