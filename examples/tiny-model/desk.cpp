// SPDX-License-Identifier: Apache-2.0
#include "desk.hpp"

#include <chrono>
#include <fstream>
#include <system_error>

#include <moxie/tool/folder.hpp>
#include <moxie/tool/ready.hpp>

namespace moxie::tiny {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

Status put_file(const fs::path& path, const Json& what) {
  std::error_code error;
  fs::create_directories(what.is_null() ? path : path.parent_path(), error);
  if (!what.is_null()) {
    std::ofstream file(path, std::ios::binary);
    if (what.is_string()) {
      file << what.get<std::string>();
    } else {
      file << std::string(what.get<std::size_t>(), '.');
    }
    if (!file.flush()) return Status(Code::kIo, "evaluate", "to write " + path.string(), "an error");
  }
  return error ? Status(Code::kIo, "evaluate", "to make " + path.string(), error.message()) : Status();
}

Status add(Toolbox& toolbox, const Result<AnyTool>& tool) {
  MOXIE_TRY(tool.status());
  return toolbox.add(*tool);
}

}  // namespace

Result<Desk> Desk::lay(const Json& check, const fs::path& folder) {
  Desk desk;
  desk.folder_ = folder;
  MOXIE_TRY(put_file(folder, Json()));
  const auto notes = std::make_shared<tools::Notes>();
  for (const Json& note : check.value("notes", Json::array())) {
    MOXIE_TRY(notes->put(note.at(0).get<std::string>(), note.at(1).get<std::string>()));
  }
  for (const Json& file : check.value("files", Json::array())) {
    MOXIE_TRY(put_file(folder / file.at(0).get<std::string>(), file.at(1)));
  }
  tools::NowOptions clock;
  if (const auto seconds = check.find("clock"); seconds != check.end()) {
    const std::chrono::system_clock::time_point moment(std::chrono::seconds(seconds->get<std::int64_t>()));
    clock.clock = [moment] { return moment; };
  }
  MOXIE_TRY_LET(tools::Folder opened, tools::Folder::open(folder));
  const auto shared = std::make_shared<const tools::Folder>(std::move(opened));
  Toolbox& toolbox = *desk.tools_;
  MOXIE_TRY(add(toolbox, tools::calculate()));
  MOXIE_TRY(add(toolbox, tools::now(clock)));
  MOXIE_TRY(add(toolbox, tools::convert()));
  MOXIE_TRY(add(toolbox, tools::remember(notes)));
  MOXIE_TRY(add(toolbox, tools::recall(notes)));
  MOXIE_TRY(add(toolbox, tools::list_files(shared)));
  MOXIE_TRY(add(toolbox, tools::read_file(shared)));
  return desk;
}

Desk::~Desk() {
  std::error_code ignored;
  if (!folder_.empty()) fs::remove_all(folder_, ignored);
}

}  // namespace moxie::tiny
