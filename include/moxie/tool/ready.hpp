// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include <moxie/core/config.hpp>
#include <moxie/core/result.hpp>
#include <moxie/tool/any_tool.hpp>
#include <moxie/tool/folder.hpp>
#include <moxie/tool/notes.hpp>

/// Tools that many hosts want:
///
///     MOXIE_TRY(toolbox.add(moxie::tools::calculate()));
///     MOXIE_TRY(toolbox.grant("calculate"));
///
/// Errors   kNoMemory, of every function here.
/// Threads  the functions may be called from any thread, and so may the tools.
namespace moxie::inline abi1::tools {

/// "calculate": exact arithmetic with whole numbers and decimals, within some 1000 digits and 4096 bytes.
MOXIE_API Result<AnyTool> calculate() noexcept;

struct NowOptions {
  std::function<std::chrono::system_clock::time_point()> clock{};  ///< none: the system's
};

/// "now": the date, time and day of the week, in UTC and at an offset from it. Years 0 to 9999.
MOXIE_API Result<AnyTool> now(NowOptions options = {}) noexcept;

/// "convert": units of length, area, volume, mass, time, speed, temperature, pressure, energy, power, data. Factors are
/// exact, as the units are defined.
MOXIE_API Result<AnyTool> convert() noexcept;

/// "remember": puts a note into a store that belongs to the host. It must outlive the tool, which shares it.
MOXIE_API Result<AnyTool> remember(std::shared_ptr<Notes> notes) noexcept;
/// "recall": reads a note, or lists the keys of all.
MOXIE_API Result<AnyTool> recall(std::shared_ptr<const Notes> notes) noexcept;

/// "list_files": what lies in a folder below the host's.
MOXIE_API Result<AnyTool> list_files(std::shared_ptr<const Folder> folder) noexcept;
/// "read_file": a piece of a file below the host's folder, as text.
MOXIE_API Result<AnyTool> read_file(std::shared_ptr<const Folder> folder) noexcept;

}  // namespace moxie::tools
