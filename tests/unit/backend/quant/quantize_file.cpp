// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <moxie/backend/quant.hpp>

// quantize_file quantize|dequantize TYPE IN OUT: raw f32 to raw blocks, or back. The CPU seconds of the call go to
// stdout.

namespace {

int run(const std::string& action, const std::string& type_name, const char* in, const char* out) {
  auto type = moxie::ElementType::kBool;
  for (int i = 0; i <= static_cast<int>(moxie::ElementType::kMXFP4); ++i) {
    const auto candidate = static_cast<moxie::ElementType>(i);
    if (moxie::name(candidate) == type_name) type = candidate;
  }
  const moxie::ElementTraits& traits = moxie::traits(type);
  const bool narrows = action == "quantize";
  const std::size_t size = std::filesystem::file_size(in);
  const std::size_t count = size / (narrows ? sizeof(float) * traits.block_elements : traits.block_bytes);
  std::vector<float> values(count * traits.block_elements);
  std::vector<std::byte> blocks(count * traits.block_bytes);
  auto* input = narrows ? reinterpret_cast<char*>(values.data()) : reinterpret_cast<char*>(blocks.data());
  std::ifstream(in, std::ios::binary).read(input, static_cast<std::streamsize>(size));
  const std::clock_t begin = std::clock();
  const moxie::Status status =
      narrows ? moxie::quantize(type, values, blocks) : moxie::dequantize(type, blocks, values);
  const double took = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  if (!status.ok()) {
    std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
    return 1;
  }
  const auto result = narrows ? std::as_bytes(std::span(blocks)) : std::as_bytes(std::span(values));
  std::ofstream(out, std::ios::binary)
      .write(reinterpret_cast<const char*>(result.data()), static_cast<std::streamsize>(result.size()));
  std::printf("%.6f\n", took);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "quantize_file quantize|dequantize TYPE IN OUT\n");
    return 2;
  }
  return run(argv[1], argv[2], argv[3], argv[4]);
}
