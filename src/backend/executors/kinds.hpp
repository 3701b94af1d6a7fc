// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>

#include <moxie/core/executor.hpp>
#include <moxie/core/result.hpp>

namespace moxie::inline abi1 {

// openmp.cpp, or its stub twin where the build has no OpenMP. threads: 1 to kMaxExecutorThreads.
bool openmp_available() noexcept;
Result<std::unique_ptr<Executor>> make_openmp_executor(std::size_t threads) noexcept;

// threads.cpp
Result<std::unique_ptr<Executor>> make_threads_executor(std::size_t threads) noexcept;

}  // namespace moxie
