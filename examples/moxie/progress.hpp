// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <moxie/core/host.hpp>

namespace moxie::program {

/// Callbacks that draw a bar on stderr, where that is a terminal, and end the work where Ctrl-C asked for it.
HostCallbacks progress_bar();

}  // namespace moxie::program
