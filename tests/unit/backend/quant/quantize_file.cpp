// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <moxie/backend/quant.hpp>

// quantize_file quantize|dequantize TYPE IN OUT: raw f32 to raw blocks, or back. The time goes to stdout.

namespace {

int run(const std::string& action, const std::string& type_name, const char* in, const char* out) {
  auto type = moxie::ElementType::kBool;
  for (int i = 0; i <= static_cast<int>(moxie::ElementType::kIQ4_XS); ++i) {
    const auto candidate = static_cast<moxie::ElementType>(i);
    if (moxie::name(candidate) == type_name) type = candidate;
  }
  std::ifstream file(in, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const std::span<const char> input(bytes);
  std::vector<float> values;
  std::vector<std::byte> blocks;
  const moxie::ElementTraits& traits = moxie::traits(type);
  const bool narrows = action == "quantize";
  if (narrows) {
    values.resize(bytes.size() / sizeof(float));
    std::copy_n(bytes.data(), values.size() * sizeof(float), reinterpret_cast<char*>(values.data()));
    blocks.resize(values.size() / traits.block_elements * traits.block_bytes);
  } else {
    blocks.resize(bytes.size());
    std::copy_n(bytes.data(), bytes.size(), reinterpret_cast<char*>(blocks.data()));
    values.resize(blocks.size() / traits.block_bytes * traits.block_elements);
  }
  const auto begin = std::chrono::steady_clock::now();
  const moxie::Status status =
      narrows ? moxie::quantize(type, values, blocks) : moxie::dequantize(type, blocks, values);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  if (!status.ok()) {
    std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
    return 1;
  }
  const auto result = narrows ? std::as_bytes(std::span(blocks)) : std::as_bytes(std::span(values));
  std::ofstream(out, std::ios::binary)
      .write(reinterpret_cast<const char*>(result.data()), static_cast<std::streamsize>(result.size()));
  std::printf("%.6f\n", took.count());
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
