// SPDX-License-Identifier: Apache-2.0
// What loading a model costs, what it gives back where it stops half way, and what it owes to the file afterwards.
#include <malloc.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "checkpoints.hpp"
#include "support/catch.hpp"

using namespace moxie;
using test::Parts;

namespace {

constexpr long kNever = std::numeric_limits<long>::max();

std::atomic<std::size_t> live_bytes{0};
std::atomic<std::size_t> peak_bytes{0};
std::atomic<long> allocations_left{kNever};

void* allocate(std::size_t size, std::size_t alignment) noexcept {
  if (allocations_left.load() != kNever && allocations_left.fetch_sub(1) <= 0) return nullptr;
  // aligned_alloc wants a whole number of alignments.
  void* memory = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (memory == nullptr) return nullptr;
  const std::size_t live = live_bytes.fetch_add(::malloc_usable_size(memory)) + ::malloc_usable_size(memory);
  std::size_t peak = peak_bytes.load();
  while (peak < live && !peak_bytes.compare_exchange_weak(peak, live)) {
  }
  return memory;
}
void* allocate_or_throw(std::size_t size, std::size_t alignment) {
  void* memory = allocate(size == 0 ? 1 : size, alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void release(void* memory) noexcept {
  if (memory == nullptr) return;
  live_bytes.fetch_sub(::malloc_usable_size(memory));
  std::free(memory);
}
constexpr std::size_t kDefault = __STDCPP_DEFAULT_NEW_ALIGNMENT__;

}  // namespace

void* operator new(std::size_t size) { return allocate_or_throw(size, kDefault); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate(size, kDefault); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate_or_throw(size, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }

namespace {

/// Native kernels and no threads: every allocation of a load is then one of moxie or of the standard library.
ModelOptions options_with(bool read, std::shared_ptr<Budget> budget = nullptr) {
  ModelOptions options = test::native();
  options.files.read = read;
  options.files.memory = std::move(budget);
  return options;
}

std::uint64_t packed_bytes(const Model& model) {
  std::uint64_t bytes = 0;
  const std::vector<WeightPath> paths = model.weight_paths().value();
  for (const WeightPath& path : paths) bytes += path.bytes;
  return bytes;
}

constexpr std::uint64_t kEmbeddingBytes = 64 * 32 * 4;  // of all the folders used here

}  // namespace

TEST_CASE("a checkpoint that was read gives the bits of one that is mapped, whatever becomes of its file") {
  for (const std::string folder_name : {"tiny_tied", "biases", "mlp_only_layers"}) {
    const Parts parts = Parts::of(folder_name);
    const std::vector<float> expected = test::logits(test::load(parts).value()).value();
    for (const bool truncated : {false, true}) {
      const test::TemporaryFolder folder;
      parts.write(folder.path());
      const Model model = Model::load(folder.path(), options_with(true)).value();
      if (truncated) {
        std::filesystem::resize_file(folder / "model.safetensors", 0);
        test::write_file(folder / "config.json", "{");
      } else {
        std::filesystem::remove_all(folder.path());
      }
      CHECK(test::same_bits(test::logits(model).value(), expected));
    }
    // A mapped file may lose its name, though not its bytes: test::load() has removed it before logits() began.
    const Model mapped = test::load(parts).value();
    CHECK(test::same_bits(test::logits(mapped).value(), expected));
  }
}

TEST_CASE("a model is charged with its packed weights, and with its embedding where that was read") {
  for (const bool read : {false, true}) {
    const auto budget = Budget::create("weights", Budget::kUnlimited);
    {
      const Model model = Model::load(test::data_folder("biases"), options_with(read, budget)).value();
      CHECK(budget->used() == packed_bytes(model) + (read ? kEmbeddingBytes : 0));
      const Model copy =
          model;  // NOLINT(performance-unnecessary-copy-initialization): that it costs nothing is the test
      CHECK(budget->used() == packed_bytes(copy) + (read ? kEmbeddingBytes : 0));
    }
    CHECK(budget->used() == 0);
  }
}

TEST_CASE("a budget that is one byte too small refuses the model and gets everything back") {
  const std::uint64_t file_bytes = Checkpoint::open(test::data_folder("biases")).value().bytes();
  const std::uint64_t packed = packed_bytes(Model::load(test::data_folder("biases"), test::native()).value());
  for (const bool read : {false, true}) {
    const std::uint64_t most = packed + (read ? file_bytes + kEmbeddingBytes : 0);
    std::vector<std::uint64_t> limits = {0, 1, most - 1};
    for (std::uint64_t i = 1; i < 40; ++i) limits.push_back(most * i / 40);
    for (const std::uint64_t limit : limits) {
      const auto budget = Budget::create("weights", limit);
      const Status status = Model::load(test::data_folder("biases"), options_with(read, budget)).status();
      INFO("limit " << limit << " of " << most << ": " << status.message());
      CHECK(status.code() == Code::kBudget);
      CHECK(status.where() == "weights");
      CHECK(budget->used() == 0);
    }
    const auto budget = Budget::create("weights", most);
    CHECK(Model::load(test::data_folder("biases"), options_with(read, budget)).ok());
    CHECK(budget->used() == 0);
  }
}

TEST_CASE("progress counts bytes up to all of them") {
  for (const std::string folder : {"tiny_tied", "untied_norm_topk_false", "biases", "bf16"}) {
    for (const bool read : {false, true}) {
      INFO(folder << ", read " << read);
      const std::uint64_t total = Checkpoint::open(test::data_folder(folder)).value().bytes();
      std::vector<std::string> order;
      Progress last;
      bool rises = true;
      ModelOptions options = options_with(read);
      options.files.callbacks.on_progress = [&](const Progress& progress) {
        if (order.empty() || order.back() != progress.what) {
          order.emplace_back(progress.what);
          last = {};
        }
        rises = rises && progress.done >= last.done && progress.done <= progress.total;
        if (progress.what != "open files") rises = rises && progress.total == total;
        last = progress;
        return true;
      };
      REQUIRE(Model::load(test::data_folder(folder), options).ok());
      CHECK(rises);
      CHECK(order == (read ? std::vector<std::string>{"open files", "read weights", "pack weights"}
                           : std::vector<std::string>{"open files", "pack weights"}));
      CHECK(last.done == total);
    }
  }
}

TEST_CASE("a load that the host stops, or throws out of, leaves nothing behind") {
  for (const bool read : {false, true}) {
    const auto budget = Budget::create("weights", Budget::kUnlimited);
    ModelOptions options = options_with(read, budget);
    std::size_t calls = 0;
    std::size_t stop_at = SIZE_MAX;
    bool throws = false;
    options.files.callbacks.on_progress = [&](const Progress&) {
      if (++calls <= stop_at) return true;
      if (throws) throw std::runtime_error("the host's own");
      return false;
    };
    REQUIRE(Model::load(test::data_folder("biases"), options).ok());
    const std::size_t all = calls;
    CHECK(all > 70);  // one for each tensor at least
    for (const bool with_throw : {false, true}) {
      throws = with_throw;
      for (stop_at = 0; stop_at < all; ++stop_at) {
        calls = 0;
        const std::size_t live = live_bytes;
        const Code code = Model::load(test::data_folder("biases"), options).status().code();
        const std::size_t left = live_bytes;
        INFO("read " << read << ", throw " << throws << ", call " << stop_at);
        CHECK(code == (throws ? Code::kHostException : Code::kCancelled));
        CHECK(calls == stop_at + 1);  // not asked again
        CHECK(budget->used() == 0);
        CHECK(left == live);
      }
      stop_at = SIZE_MAX;
    }
  }
}

TEST_CASE("each allocation that fails is an error, and nothing is lost") {
  for (const bool read : {false, true}) {
    const auto budget = Budget::create("weights", Budget::kUnlimited);
    const ModelOptions options = options_with(read, budget);
    const std::filesystem::path folder = test::data_folder("biases");
    REQUIRE(Model::load(folder, options).ok());  // what is made once for the process is there now
    long failures = 0;
    for (bool done = false; !done; ++failures) {
      const std::size_t live = live_bytes;
      allocations_left = failures;
      Code code = Code::kOk;
      {
        const auto model = Model::load(folder, options);
        done = model.ok();
        code = model.status().code();
      }
      allocations_left = kNever;
      if (!done && code != Code::kNoMemory) FAIL_CHECK("allocation " << failures << ": " << name(code));
      if (live_bytes != live) FAIL_CHECK("allocation " << failures << " loses memory");
      if (budget->used() != 0) FAIL_CHECK("allocation " << failures << " loses budget");
    }
    CHECK(failures > 500);
  }
}

TEST_CASE("a refusal costs little memory, however much the configuration promises") {
  struct Case {
    const char* field;
    const char* value;
  };
  for (const Case& c :
       {Case{"vocab_size", "16777216"}, Case{"hidden_size", "1048576"}, Case{"num_hidden_layers", "4096"},
        Case{"num_local_experts", "1048576"}, Case{"moe_intermediate_size", "1048576"},
        Case{"num_attention_heads", "1048576"}, Case{"max_position_embeddings", "2147483648"}}) {
    Parts parts = Parts::of("tiny_tied");
    parts.set(c.field, c.value);
    const test::TemporaryFolder folder;
    parts.write(folder.path());
    const ModelOptions options = options_with(false);
    const std::size_t live = live_bytes;
    peak_bytes = live;
    const bool loaded = Model::load(folder.path(), options).ok();
    const std::size_t cost = peak_bytes - live;
    const std::size_t left = live_bytes;
    INFO(c.field << ": " << cost << " bytes");
    CHECK_FALSE(loaded);
    // Tensors of the file that fit are packed first; the file has 140 KiB.
    CHECK(cost < 1 << 20);
    CHECK(left == live);
  }
}

TEST_CASE("the most that loading takes is the weights once more, and a little for names") {
  const ModelOptions options = options_with(false);
  const std::filesystem::path folder = test::data_folder("biases");
  const std::size_t live = live_bytes;
  peak_bytes = live;
  const Model model = Model::load(folder, options).value();
  const std::size_t cost = peak_bytes - live;
  CHECK(cost < packed_bytes(model) + (256 << 10));
}
