// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <moxie/text/message.hpp>
#include <moxie/tool/ready.hpp>
#include <moxie/tool/toolbox.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"
#include "support/tools.hpp"

namespace {

using namespace moxie;
using namespace moxie::test;
namespace fs = std::filesystem;

void put_file(const fs::path& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  REQUIRE(file.good());
}

// outside/secret.txt, and inside/ with what a model may see and what may lead out.
struct Files {
  TemporaryFolder root;
  fs::path inside = root / "inside";
  std::shared_ptr<tools::Folder> folder;

  explicit Files(const tools::FolderLimits& limits = {}) {
    fs::create_directories(root / "outside");
    put_file(root / "outside" / "secret.txt", "secret");
    fs::create_directories(inside / "notes" / "deep");
    put_file(inside / "a.txt", "hello\n");
    put_file(inside / "notes" / "b.txt", "caf\u00e9");
    folder = std::make_shared<tools::Folder>(tools::Folder::open(inside, limits).value());
  }
  [[nodiscard]] std::string read(std::string_view arguments) const {
    return answer_of(tools::read_file(folder), arguments);
  }
  [[nodiscard]] std::string list(std::string_view arguments) const {
    return answer_of(tools::list_files(folder), arguments);
  }
};

TEST_CASE("files and folders below the folder are read") {
  const Files files;
  CHECK(files.read(R"({"path":"a.txt"})") ==
        R"({"text":"hello\n","file_bytes":6,"next_offset":null,"replaced_bytes":0})");
  CHECK(files.read(R"({"path":"notes/b.txt"})") ==
        "{\"text\":\"caf\u00e9\",\"file_bytes\":5,\"next_offset\":null,\"replaced_bytes\":0}");
  CHECK(files.read(R"({"path":"a.txt","offset":6})") ==
        R"({"text":"","file_bytes":6,"next_offset":null,"replaced_bytes":0})");
  CHECK(files.list("{}") ==
        R"({"entries":[{"name":"a.txt","kind":"file","bytes":6},{"name":"notes","kind":"folder","bytes":0}],)"
        R"("complete":true,"names_left_out":0})");
  CHECK(files.list(R"({"path":"notes"})") ==
        R"({"entries":[{"name":"b.txt","kind":"file","bytes":5},{"name":"deep","kind":"folder","bytes":0}],)"
        R"("complete":true,"names_left_out":0})");
  CHECK(files.list(R"({"path":"notes/deep"})") == R"({"entries":[],"complete":true,"names_left_out":0})");
  CHECK(files.list(R"({"path":"notes/"})") == files.list(R"({"path":"notes"})"));
}

TEST_CASE("no path leads out of the folder") {
  const Files files;
  fs::create_symlink("../outside/secret.txt", files.inside / "link.txt");
  fs::create_symlink("../outside", files.inside / "link");
  fs::create_symlink("/etc", files.inside / "etc");
  fs::create_symlink("a.txt", files.inside / "harmless");
  fs::create_symlink("loop", files.inside / "loop");
  const std::string absolute = (files.root / "outside" / "secret.txt").string();
  const std::string_view paths[] = {"../outside/secret.txt",
                                    "..",
                                    "notes/../../outside/secret.txt",
                                    "./a.txt",
                                    ".",
                                    "notes/./b.txt",
                                    "/etc/passwd",
                                    absolute,
                                    "//etc/passwd",
                                    "notes//b.txt",
                                    "link.txt",
                                    "link/secret.txt",
                                    "etc/passwd",
                                    "harmless",
                                    "loop",
                                    "loop/x",
                                    "notes/..",
                                    "link/../a.txt"};
  for (const std::string_view path : paths) {
    INFO(path);
    const auto read = files.folder->read(path, 0);
    REQUIRE(!read.ok());
    CHECK(read.status().code() == Code::kInvalidArgument);
    const auto list = files.folder->list(path);
    REQUIRE(!list.ok());
    CHECK(list.status().code() == Code::kInvalidArgument);
    // What the model reads says nothing of where the folder is.
    CHECK(read.status().message().substr(0, read.status().message().rfind(", came")).find(files.root.path().string()) ==
          std::string_view::npos);
  }
  CHECK(files.folder->read(std::string_view("a.txt\0.png", 10), 0).status().code() == Code::kInvalidArgument);
  CHECK(files.read(R"({"path":"a.txt\u0000"})").starts_with("<failed: files: needed a path without a zero byte"));
  CHECK(files.folder->read("", 0).status().code() == Code::kInvalidArgument);
  CHECK(files.folder->read("a.txt/", 0).ok());  // the name is whole; nothing comes after it
  CHECK(files.folder->read("a.txt/x", 0).status().code() == Code::kInvalidArgument);
  CHECK(files.folder->read("none.txt", 0).status().code() == Code::kNotFound);
  CHECK(files.folder->read(std::string(300, 'n'), 0).status().code() == Code::kIo);  // longer than names may be
  CHECK(files.folder->read(std::string(5000, 'n'), 0).status().code() == Code::kInvalidArgument);
  std::string many;
  for (int i = 0; i < 65; ++i) many += "n/";
  CHECK(files.folder->list(many).status().code() == Code::kInvalidArgument);
}

TEST_CASE("pipes, sockets, devices and folders are not read, and nobody waits for them") {
  const Files files;
  REQUIRE(::mkfifo((files.inside / "pipe").c_str(), 0600) == 0);
  const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE(listener >= 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = (files.inside / "socket").string();
  REQUIRE(path.size() < sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  REQUIRE(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  for (const std::string_view name : {"pipe", "socket", "notes"}) {
    INFO(name);
    CHECK(files.folder->read(name, 0).status().code() == Code::kInvalidArgument);
  }
  for (const std::string_view name : {"pipe", "socket", "a.txt"}) {
    INFO(name);
    CHECK(files.folder->list(name).status().code() == Code::kInvalidArgument);
  }
  CHECK(files.list("{}").find(R"({"name":"pipe","kind":"other","bytes":0})") != std::string::npos);
  ::close(listener);
  const tools::Folder devices = tools::Folder::open("/dev").value();
  CHECK(devices.read("null", 0).status().code() == Code::kInvalidArgument);
}

TEST_CASE("a file is read in pieces, cut between characters") {
  const Files files({.max_piece_bytes = 4});
  const std::string text = "a\u20ac\u00e9\U0001f600bcd";  // 1 + 3 + 2 + 4 + 3 bytes
  put_file(files.inside / "c.txt", text);
  std::string joined;
  std::uint64_t offset = 0;
  for (int i = 0; i < 10; ++i) {
    const auto piece = files.folder->read("c.txt", offset).value();
    CHECK(piece.text.size() <= 4);
    CHECK(piece.replaced_bytes == 0);
    CHECK(piece.file_bytes == text.size());
    joined += piece.text;
    if (!piece.next_offset) break;
    REQUIRE(*piece.next_offset > offset);
    offset = *piece.next_offset;
  }
  CHECK(joined == text);
  CHECK(files.folder->read("c.txt", text.size() + 1).status().message() ==
        "files: needed an offset of at most 13, came 14");
  CHECK(files.folder->read("c.txt", UINT64_MAX).status().code() == Code::kInvalidArgument);
  CHECK(tools::Folder::open(files.inside, {.max_piece_bytes = 3}).status().code() == Code::kInvalidArgument);
}

TEST_CASE("bytes that are no UTF-8 are replaced, counted and do not stop the reading") {
  const Files files({.max_piece_bytes = 4});
  const std::string bytes =
      "\xff\xfe"
      "a\xc3(\xe2\x82"
      "b\xf0\x9f\x98";  // 11 bytes, 8 of them in no character
  put_file(files.inside / "d.bin", bytes);
  std::string joined;
  std::uint64_t replaced = 0;
  std::optional<std::uint64_t> offset = 0;
  while (offset) {
    const auto piece = files.folder->read("d.bin", *offset).value();
    joined += piece.text;
    replaced += piece.replaced_bytes;
    offset = piece.next_offset;
  }
  const std::string x = "\ufffd";
  CHECK(joined == x + x + "a" + x + "(" + x + x + "b" + x + x + x);
  CHECK(replaced == 8);
  put_file(files.inside / "e.bin", std::string(3, '\0'));
  CHECK(files.read(R"({"path":"e.bin"})").starts_with(R"({"text":"\u0000\u0000\u0000")"));
}

TEST_CASE("a listing is bounded, and leaves out names that nobody could ask for") {
  const Files files({.max_entries = 3});
  CHECK(files.folder->list("").value().complete);
  put_file(files.inside / "\xff.txt", "");
  CHECK(files.folder->list("").value().names_left_out == 1);
  for (int i = 0; i < 10; ++i) put_file(files.inside / "notes" / std::to_string(i), "");
  const auto listing = files.folder->list("notes").value();
  CHECK(!listing.complete);
  CHECK(listing.entries.size() == 3);
}

TEST_CASE("whoever swaps names while they are read finds no way out") {
  const Files files;
  fs::create_directory(files.inside / "x");
  put_file(files.inside / "x" / "secret.txt", "public");
  std::atomic<bool> done = false;
  std::thread swapper([&] {
    while (!done) {
      std::error_code ignored;
      fs::rename(files.inside / "x", files.inside / "y", ignored);
      fs::create_symlink("../outside", files.inside / "x", ignored);
      fs::remove(files.inside / "x", ignored);
      fs::rename(files.inside / "y", files.inside / "x", ignored);
    }
  });
  int good = 0;
  for (int i = 0; i < 3000; ++i) {
    const auto piece = files.folder->read("x/secret.txt", 0);
    if (piece.ok()) {
      REQUIRE(piece->text == "public");
      ++good;
    }
  }
  done = true;
  swapper.join();
  INFO(good << " of 3000 found the folder in its place");
  CHECK(files.folder->read("x/secret.txt", 0).value().text == "public");
}

TEST_CASE("a template can be given the schemas of the tools for files") {
  const Files files;
  Toolbox toolbox;
  for (const Result<AnyTool>& tool : {tools::list_files(files.folder), tools::read_file(files.folder)}) {
    REQUIRE(toolbox.add(tool.value()).ok());
    REQUIRE(toolbox.grant(tool->name()).ok());
  }
  CHECK(parse_value(toolbox.schemas().value(), "schemas").status().message() == "");
}

TEST_CASE("a folder must be one") {
  const Files files;
  CHECK(tools::Folder::open(files.inside / "none").status().code() == Code::kNotFound);
  CHECK(tools::Folder::open(files.inside / "a.txt").status().code() == Code::kIo);
  CHECK(tools::list_files(nullptr).status().code() == Code::kInvalidArgument);
  CHECK(tools::read_file(nullptr).status().code() == Code::kInvalidArgument);
}

}  // namespace
