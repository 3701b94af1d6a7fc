// SPDX-License-Identifier: Apache-2.0
// What do edits cost a step, those that nobody uses first of all?
//
//   bench_edits [MODEL [STEPS]]
//
// Steps of one token for each of 1, 8 and 64 contexts, on one thread, whose CPU time is measured; medians. "unused" is
// what a step does to find that no context has edits, measured by itself; the other columns are whole steps of contexts
// with edits over steps of contexts without, interleaved: a sink; each layer's own router, and its own expert 0, in
// their own places; a LoRA of rank 16 on expert 0 of each layer.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include <moxie/kernel/kernel.hpp>
#include <moxie/model/pathway.hpp>

#include "model/run/batch.hpp"
#include "model/run/edits.hpp"

namespace {

using namespace moxie;

double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Of a step's questions in all blocks; many steps at once, since a clock is slower than they are.
double unused_seconds(std::size_t contexts, std::size_t blocks) {
  constexpr int kSteps = 1000;
  std::vector<model::Segment> segments(contexts);
  std::vector<double> times;
  for (int repeat = 0; repeat < 101; ++repeat) {
    const double begin = thread_seconds();
    for (int step = 0; step < kSteps; ++step) {
      benchmark::DoNotOptimize(segments.data());
      benchmark::ClobberMemory();
      for (std::size_t block = 0; block < blocks; ++block) {
        benchmark::DoNotOptimize(model::any_edited(segments, block));
      }
    }
    times.push_back((thread_seconds() - begin) / kSteps);
  }
  return median(times);
}

struct Silent final : RouteSink {
  Status take(const RouteRecord&) override { return {}; }
};

/// A LoRA of rank 16 on expert 0 of each layer with experts, as PEFT would write it, in a folder of its own.
Result<Adapter> make_adapter(const ModelConfig& config) {
  constexpr std::size_t kRank = 16;
  std::string name = (std::filesystem::temp_directory_path() / "moxie-bench-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) return Status(Code::kIo, "bench", "a temporary folder", "none");
  std::string header = "{";
  std::size_t floats = 0;
  const auto add = [&](const std::string& module, const char* which, std::size_t out, std::size_t in) {
    const std::size_t begin = 4 * floats;
    floats += out * in;
    header += (header.size() > 1 ? ",\"" : "\"") + module + which + "\":{\"dtype\":\"F32\",\"shape\":[" +
              std::to_string(out) + "," + std::to_string(in) + "],\"data_offsets\":[" + std::to_string(begin) + "," +
              std::to_string(4 * floats) + "]}";
  };
  const std::size_t D = config.hidden_size;
  const std::size_t H = config.moe_intermediate_size;
  for (std::size_t layer = 0; layer < config.moe_layers.size(); ++layer) {
    if (!config.moe_layers[layer]) continue;
    const std::string expert = "base_model.model.model.layers." + std::to_string(layer) + ".mlp.experts.0.";
    for (const char* const matrix : {"gate_proj", "up_proj", "down_proj"}) {
      const bool down = matrix[0] == 'd';
      add(expert + matrix, ".lora_A.weight", kRank, down ? H : D);
      add(expert + matrix, ".lora_B.weight", down ? D : H, kRank);
    }
  }
  header += "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const std::filesystem::path folder = name;
  std::ofstream(folder / "adapter_config.json") << "{\"peft_type\":\"LORA\",\"r\":16,\"lora_alpha\":16}";
  std::ofstream weights(folder / "adapter_model.safetensors", std::ios::binary);
  for (std::uint64_t size = header.size(), i = 0; i < 8; ++i) weights.put(static_cast<char>(size >> (8 * i) & 0xffU));
  const std::vector<float> small(floats, 1e-3f);
  weights << header;
  weights.write(reinterpret_cast<const char*>(small.data()), static_cast<std::streamsize>(4 * floats));
  weights.close();
  auto adapter = Adapter::load(folder);
  std::filesystem::remove_all(folder);
  return adapter;
}

struct Group {
  std::vector<Context> contexts;
  std::vector<Request> requests;
  std::vector<double> times;
};

Status run(const char* path, int steps) {
  MOXIE_TRY_LET(const Model model, Model::load(path));
  const std::size_t V = model.config().vocab_size;
  const auto blocks = static_cast<std::size_t>(std::ranges::count(model.config().moe_layers, true));
  const auto first =
      static_cast<std::size_t>(std::ranges::find(model.config().moe_layers, true) - model.config().moe_layers.begin());
  std::vector<Pathway> pathways = {Pathway(model)};
  MOXIE_TRY_LET(Pathway recorded, pathways[0].record(std::make_shared<Silent>()));
  Pathway routed(model);
  Pathway replaced(model);
  for (std::size_t layer = first; layer < model.config().moe_layers.size(); ++layer) {
    if (!model.config().moe_layers[layer]) continue;
    MOXIE_TRY_LET(AnyRouter router, model.router(layer));
    MOXIE_TRY_LET(routed, routed.replace_router(layer, router));
    MOXIE_TRY_LET(AnyExpert expert, model.expert({.layer = layer, .expert = 0}));
    MOXIE_TRY_LET(replaced, replaced.replace_expert({.layer = layer, .expert = 0}, expert));
  }
  MOXIE_TRY_LET(const Adapter adapter, make_adapter(model.config()));
  MOXIE_TRY_LET(const Pathway adapted, pathways[0].add_adapter(adapter));
  pathways.insert(pathways.end(), {recorded, routed, replaced, adapted});

  std::printf("%8s %12s %12s %9s | %10s %10s %10s %10s\n", "contexts", "step", "unused", "", "recorded", "routers",
              "experts", "lora");
  for (const std::size_t contexts : {1U, 8U, 64U}) {
    MOXIE_TRY_LET(Kernel kernel, Kernel::create({.threads = 1, .executor = ExecutorKind::kSerial}));
    std::vector<float> logits(V);
    std::vector<Group> groups(pathways.size());
    const std::vector<TokenId> token = {5};
    for (std::size_t g = 0; g < groups.size(); ++g) {
      for (std::size_t i = 0; i < contexts; ++i) {
        MOXIE_TRY_LET(Context context, kernel.open(pathways[g]));
        MOXIE_TRY(context.reserve(static_cast<std::size_t>(steps) + 16));
        groups[g].contexts.push_back(std::move(context));
      }
    }
    for (int step = 0; step < steps + 8; ++step) {
      for (std::size_t turn = 0; turn < groups.size(); ++turn) {
        Group& group = groups[(turn + static_cast<std::size_t>(step)) % groups.size()];
        group.requests.clear();
        for (Context& context : group.contexts) {
          group.requests.push_back({.context = &context, .tokens = token, .logits = Rows(logits.data(), 1, V)});
        }
        const double begin = thread_seconds();
        MOXIE_TRY(kernel.step(group.requests).status());
        if (step >= 8) group.times.push_back(thread_seconds() - begin);
        for (const Request& request : group.requests) MOXIE_TRY(request.status);
      }
    }
    const double step = median(groups[0].times);
    const double unused = unused_seconds(contexts, blocks);
    std::printf("%8zu %9.1f us %9.1f ns %8.4f%% |", contexts, step * 1e6, unused * 1e9, 100 * unused / step);
    for (std::size_t g = 1; g < groups.size(); ++g)
      std::printf(" %+9.2f%%", 100 * (median(groups[g].times) / step - 1));
    std::printf("\n");
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const Status status =
      run(argc > 1 ? argv[1] : "examples/tiny-model/moxie-tiny.gguf", argc > 2 ? std::atoi(argv[2]) : 500);
  if (!status.ok()) std::fprintf(stderr, "%.*s\n", static_cast<int>(status.message().size()), status.message().data());
  return status.ok() ? 0 : 1;
}
