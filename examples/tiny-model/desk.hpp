// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include <moxie/tool/notes.hpp>
#include <moxie/tool/toolbox.hpp>

namespace moxie::tiny {

/// The ready tools as one case finds them: a clock that stands, its notes, its files in a folder that goes with it.
class Desk {
 public:
  /// `check` of a case: "clock" in seconds, "notes" [[key, text]], "files" [[path, text, size or null for a folder]].
  static Result<Desk> lay(const nlohmann::json& check, const std::filesystem::path& folder);
  Desk(Desk&&) noexcept = default;
  Desk& operator=(Desk&&) = delete;
  ~Desk();

  [[nodiscard]] Toolbox& tools() { return *tools_; }

 private:
  Desk() = default;

  std::filesystem::path folder_;
  std::unique_ptr<Toolbox> tools_ = std::make_unique<Toolbox>();
};

}  // namespace moxie::tiny
