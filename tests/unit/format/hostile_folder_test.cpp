// SPDX-License-Identifier: Apache-2.0
// Folders that are wrong: shards that lead elsewhere, an index that does not fit, files that are no files.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/format/checkpoint.hpp>

#include "folder.hpp"
#include "support/catch.hpp"

using namespace moxie;
using namespace moxie::test;
using namespace std::string_literals;
namespace fs = std::filesystem;

namespace {

constexpr const char* kIndex = "model.safetensors.index.json";

struct Case {
  std::string what;
  std::function<void(const ModelFolder&)> make;
  Code code;
  std::string culprit;
};

void refuse_all(const std::vector<Case>& cases) {
  for (const Case& wrong : cases) {
    const ModelFolder folder;
    wrong.make(folder);
    for (const bool read : {false, true}) {
      LoadOptions options;
      options.read = read;
      const Result<Checkpoint> checkpoint = Checkpoint::open(folder.path(), options);
      INFO(wrong.what);
      INFO(checkpoint.status().message());
      REQUIRE_FALSE(checkpoint.ok());
      CHECK(name(checkpoint.status().code()) == name(wrong.code));
      CHECK(checkpoint.status().message().find(wrong.culprit) != std::string_view::npos);
    }
  }
}

WrittenTensor byte(std::string name) { return counting(std::move(name), ElementType::kU8, {1}); }

using Map = std::vector<std::pair<std::string, std::string>>;

// A folder with a.safetensors (tensor a), b.safetensors (tensor b) and this index.
std::function<void(const ModelFolder&)> indexed(std::string text) {
  return [text = std::move(text)](const ModelFolder& folder) {
    write_safetensors(folder / "a.safetensors", {byte("a")});
    write_safetensors(folder / "b.safetensors", {byte("b")});
    folder.put(kIndex, text);
  };
}
std::function<void(const ModelFolder&)> mapped(const Map& map) { return indexed(shard_index(map)); }
// The shard of tensor b has this name.
std::function<void(const ModelFolder&)> named(std::string shard) {
  return mapped({{"a", "a.safetensors"}, {"b", std::move(shard)}});
}

std::function<void(const ModelFolder&)> instead_of(std::string name, std::function<void(const fs::path&)> make) {
  return [=](const ModelFolder& folder) {
    write_sharded(folder.path(), std::vector<std::vector<WrittenTensor>>{{byte("a")}, {byte("b")}});
    fs::remove(folder / name);
    make(folder / name);
  };
}

void make_pipe(const fs::path& path) { REQUIRE(::mkfifo(path.c_str(), 0600) == 0); }
void make_socket(const fs::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(path.native().size() < sizeof(address.sun_path));
  std::memcpy(address.sun_path, path.c_str(), path.native().size());
  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE(socket >= 0);
  CHECK(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  ::close(socket);
}

}  // namespace

TEST_CASE("the folder that the wrong ones differ from is right") {
  const ModelFolder folder;
  named("b.safetensors")(folder);
  const Result<Checkpoint> checkpoint = Checkpoint::open(folder.path());
  INFO(checkpoint.status().message());
  REQUIRE(checkpoint.ok());
  CHECK(checkpoint->tensors().size() == 2);
}

TEST_CASE("a shard that is not a plain file name of the folder is refused before anything is opened") {
  const std::string needed = "'b': needed its shard as the plain name";
  refuse_all({
      {"up", named("../b.safetensors"), Code::kFormat, needed},
      {"the folder above", named(".."), Code::kFormat, needed},
      {"the folder itself", named("."), Code::kFormat, needed},
      {"down and up", named("x/../b.safetensors"), Code::kFormat, needed},
      {"absolute", named("/tmp/b.safetensors"), Code::kFormat, needed},
      {"a system file", named("/etc/passwd"), Code::kFormat, needed},
      {"a folder inside", named("x/b.safetensors"), Code::kFormat, needed},
      {"the same folder", named("./b.safetensors"), Code::kFormat, needed},
      {"a folder as other systems write it", named("..\\b.safetensors"), Code::kFormat, needed},
      {"a slash that is escaped", indexed(R"({"weight_map":{"a":"a.safetensors","b":"..\u002fb.safetensors"}})"),
       Code::kFormat, needed},
      {"a zero byte inside", indexed(R"({"weight_map":{"a":"a.safetensors","b":"b.safetensors\u0000.safetensors"}})"),
       Code::kFormat, needed},
      {"a hidden file", named(".b.safetensors"), Code::kFormat, needed},
      {"nothing", named(""), Code::kFormat, needed},
      {"the ending alone", named(".safetensors"), Code::kFormat, needed},
      {"another kind of file", named("config.json"), Code::kFormat, needed},
      {"the index itself", named(kIndex), Code::kFormat, needed},
      {"a name that no system takes", named(std::string(300, 'x') + ".safetensors"), Code::kFormat, needed},
  });
}

TEST_CASE("what stands in a shard's place and is no regular file is refused without waiting") {
  const std::string shard = "model-00002-of-00002.safetensors";
  refuse_all({
      {"nothing", instead_of(shard, [](const fs::path&) {}), Code::kNotFound, shard},
      {"a folder", instead_of(shard, [](const fs::path& path) { fs::create_directory(path); }), Code::kIo, "a folder"},
      {"a pipe", instead_of(shard, make_pipe), Code::kIo, "a pipe"},
      {"a socket", instead_of(shard, make_socket), Code::kIo, "a socket"},
      {"a link to a device", instead_of(shard, [](const fs::path& path) { fs::create_symlink("/dev/zero", path); }),
       Code::kIo, "a device"},
      {"a link to a folder", instead_of(shard, [](const fs::path& path) { fs::create_symlink("/", path); }), Code::kIo,
       "a folder"},
      {"a link to nothing", instead_of(shard, [](const fs::path& path) { fs::create_symlink("gone", path); }),
       Code::kNotFound, shard},
      {"a link to itself", instead_of(shard, [](const fs::path& path) { fs::create_symlink(path, path); }), Code::kIo,
       shard},
      {"a file of nothing", instead_of(shard, [](const fs::path& path) { write_file(path, ""); }), Code::kFormat,
       shard},
      {"a link to a file that is no safetensors file",
       instead_of(shard, [](const fs::path& path) { fs::create_symlink("config.json", path); }), Code::kFormat, shard},
  });
}

TEST_CASE("an index and shards that disagree are refused") {
  refuse_all({
      {"a tensor that its shard lacks",
       mapped({{"a", "a.safetensors"}, {"b", "b.safetensors"}, {"c", "b.safetensors"}}), Code::kFormat,
       "'c': needed it in b.safetensors"},
      {"a tensor that the index does not name", mapped({{"a", "a.safetensors"}, {"c", "b.safetensors"}}), Code::kFormat,
       "b.safetensors: tensor 'b'"},
      {"two tensors in each other's place", mapped({{"a", "b.safetensors"}, {"b", "a.safetensors"}}), Code::kFormat,
       "a.safetensors"},
      {"a tensor in two shards",
       [](const ModelFolder& folder) {
         mapped({{"a", "a.safetensors"}, {"b", "b.safetensors"}})(folder);
         write_safetensors(folder / "b.safetensors", {byte("b"), byte("a")});
       },
       Code::kFormat, "b.safetensors: tensor 'a': needed it in a.safetensors alone"},
      {"model.safetensors beside an index that leaves it out",
       [](const ModelFolder& folder) {
         named("b.safetensors")(folder);
         write_safetensors(folder / "model.safetensors", {byte("a")});
       },
       Code::kFormat, "both"},
      {"a shard whose header is wrong",
       [](const ModelFolder& folder) {
         named("b.safetensors")(folder);
         folder.put("b.safetensors", safetensors_file("{}", "x"));
       },
       Code::kFormat, "b.safetensors"},
  });
}

TEST_CASE("an index that is not what it should be is refused") {
  std::string shards = R"({"weight_map":{)";
  for (int i = 0; i <= 4096; ++i) {
    const std::string number = std::to_string(i);
    shards += joined({i == 0 ? "\"" : ",\"", number, "\":\"", number, ".safetensors\""});
  }
  const std::string file = kIndex;
  refuse_all({
      {"nothing", indexed(""), Code::kFormat, file},
      {"not JSON", indexed("weights"), Code::kFormat, file},
      {"an array", indexed("[]"), Code::kFormat, "an object"},
      {"a string", indexed("\"a.safetensors\""), Code::kFormat, "an object"},
      {"no weight_map", indexed(R"({"metadata":{}})"), Code::kFormat, "weight_map"},
      {"a weight_map that is null", indexed(R"({"weight_map":null})"), Code::kFormat, "weight_map as an object"},
      {"a weight_map that is an array", indexed(R"({"weight_map":["a"]})"), Code::kFormat, "weight_map as an object"},
      {"an empty weight_map", indexed(R"({"weight_map":{}})"), Code::kFormat, "an empty one"},
      {"two weight_maps", indexed(R"({"weight_map":{"a":"a.safetensors"},"weight_map":{"b":"b.safetensors"}})"),
       Code::kFormat, "'weight_map' once"},
      {"two metadata", indexed(R"({"metadata":{},"metadata":{},"weight_map":{"a":"a.safetensors"}})"), Code::kFormat,
       "'metadata' once"},
      {"metadata that are a number", indexed(R"({"metadata":1,"weight_map":{"a":"a.safetensors"}})"), Code::kFormat,
       "metadata as an object"},
      {"a shard that is a number", indexed(R"({"weight_map":{"a":1}})"), Code::kFormat, "'a'"},
      {"a shard that is null", indexed(R"({"weight_map":{"a":null}})"), Code::kFormat, "'a'"},
      {"a shard that is an array", indexed(R"({"weight_map":{"a":["a.safetensors"]}})"), Code::kFormat, "'a'"},
      {"a shard that is an object", indexed(R"({"weight_map":{"a":{}}})"), Code::kFormat, "'a'"},
      {"a tensor twice", indexed(R"({"weight_map":{"a":"a.safetensors","b":"b.safetensors","a":"b.safetensors"}})"),
       Code::kFormat, "'a': needed each name once"},
      {"text behind it", indexed(R"({"weight_map":{"a":"a.safetensors"}} x)"), Code::kFormat, "JSON"},
      {"deep nesting", indexed("{\"x\":"s + std::string(1'000'000, '[')), Code::kFormat, "64 deep"},
      {"too many shards", indexed(shards + "}}"), Code::kFormat, "4096 shards"},
      {"too long", indexed(std::string((64U << 20) + 1, ' ')), Code::kFormat, "67108864 bytes"},
      {"a pipe", [](const ModelFolder& folder) { make_pipe(folder / kIndex); }, Code::kIo, "a pipe"},
  });
}

TEST_CASE("a folder without its files is refused") {
  refuse_all({
      {"no weights", [](const ModelFolder&) {}, Code::kNotFound, "model.safetensors or model.safetensors.index.json"},
      {"no config.json",
       [](const ModelFolder& folder) {
         write_safetensors(folder / "model.safetensors", {byte("a")});
         fs::remove(folder / "config.json");
       },
       Code::kNotFound, "config.json"},
      {"a config.json that is a folder",
       [](const ModelFolder& folder) {
         write_safetensors(folder / "model.safetensors", {byte("a")});
         fs::remove(folder / "config.json");
         fs::create_directory(folder / "config.json");
       },
       Code::kIo, "config.json"},
      {"a config.json that is a pipe",
       [](const ModelFolder& folder) {
         write_safetensors(folder / "model.safetensors", {byte("a")});
         fs::remove(folder / "config.json");
         make_pipe(folder / "config.json");
       },
       Code::kIo, "a pipe"},
      {"a config.json of more than 1 MiB",
       [](const ModelFolder& folder) {
         write_safetensors(folder / "model.safetensors", {byte("a")});
         folder.put("config.json", std::string((1U << 20) + 1, ' '));
       },
       Code::kFormat, "config.json: needed at most 1048576 bytes"},
      {"weights that are a pipe", [](const ModelFolder& folder) { make_pipe(folder / "model.safetensors"); }, Code::kIo,
       "a pipe"},
      {"weights that are a link to nothing",
       [](const ModelFolder& folder) { fs::create_symlink("gone", folder / "model.safetensors"); }, Code::kNotFound,
       "model.safetensors"},
  });
}

TEST_CASE("a path that is no checkpoint is refused") {
  const ModelFolder folder;
  const auto refused = [](const fs::path& path, Code code) {
    const Result<Checkpoint> checkpoint = Checkpoint::open(path);
    INFO(path.string());
    INFO(checkpoint.status().message());
    REQUIRE_FALSE(checkpoint.ok());
    CHECK(name(checkpoint.status().code()) == name(code));
  };
  refused(folder / "gone", Code::kNotFound);
  refused(folder / "gone" / "deeper", Code::kNotFound);
  refused(folder / "config.json" / "deeper", Code::kNotFound);
  refused(folder / "gone.safetensors", Code::kNotFound);
  refused("", Code::kNotFound);
  refused(folder / "config.json", Code::kUnsupported);
  make_pipe(folder / "p.safetensors");
  refused(folder / "p.safetensors", Code::kIo);
  fs::create_symlink("/dev/zero", folder / "d.safetensors");
  refused(folder / "d.safetensors", Code::kIo);
  fs::create_symlink(folder / "l.safetensors", folder / "l.safetensors");
  refused(folder / "l.safetensors", Code::kIo);
  refused(std::string(5000, 'x'), Code::kIo);
}

TEST_CASE("a file that changes while it is read is refused") {
  const auto open_while = [](const std::function<void(const ModelFolder&)>& change) {
    const ModelFolder folder;
    write_sharded(folder.path(), std::vector<std::vector<WrittenTensor>>{{counting("a", ElementType::kU8, {1000})},
                                                                         {counting("b", ElementType::kU8, {9})}});
    LoadOptions options;
    options.read = true;
    bool changed = false;
    options.callbacks.on_progress = [&](const Progress& progress) {
      if (progress.what == "read weights" && !changed) {
        changed = true;
        change(folder);
      }
      return true;
    };
    const Result<Checkpoint> checkpoint = Checkpoint::open(folder.path(), options);
    CHECK(changed);
    return checkpoint.status();
  };
  SECTION("the one being read becomes shorter") {
    const Status status = open_while(
        [](const ModelFolder& folder) { fs::resize_file(folder / "model-00001-of-00002.safetensors", 500); });
    CHECK(status.code() == Code::kIo);
    CHECK(status.message().find("model-00001-of-00002.safetensors") != std::string_view::npos);
    CHECK(status.came().starts_with("the end of the file"));
  }
  SECTION("a later one becomes another file of the same size") {
    const Status status = open_while([](const ModelFolder& folder) {
      const fs::path path = folder / "model-00002-of-00002.safetensors";
      fs::rename(path, folder / "old");
      fs::copy_file(folder / "old", path);
    });
    CHECK(status.code() == Code::kIo);
    CHECK(status.message().find("model-00002-of-00002.safetensors") != std::string_view::npos);
  }
  SECTION("a later one is gone") {
    const Status status =
        open_while([](const ModelFolder& folder) { fs::remove(folder / "model-00002-of-00002.safetensors"); });
    CHECK(status.code() == Code::kNotFound);
  }
}

TEST_CASE("a good file cut short anywhere is refused") {
  const std::vector<WrittenTensor> tensors = {counting("a", ElementType::kF32, {2}),
                                              counting("b", ElementType::kU8, {3})};
  const std::string whole = safetensors_bytes(tensors);
  const ModelFolder folder;
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    folder.put("model.safetensors", std::string_view(whole).substr(0, size));
    const Result<Checkpoint> checkpoint = Checkpoint::open(folder.path());
    INFO(size);
    CHECK(checkpoint.ok() == (size == whole.size()));
    if (!checkpoint.ok()) CHECK(checkpoint.status().code() == Code::kFormat);
  }
}
