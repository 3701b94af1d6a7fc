// SPDX-License-Identifier: Apache-2.0
// The table of families in README.md is what the code's list says.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "model/families/family.hpp"
#include "support/catch.hpp"
#include "support/data.hpp"

using namespace moxie;

namespace {

/// What a family's logits are held to, where that is not its class in transformers as it is: docs/families.md says
/// more.
struct Compared {
  std::string_view model_type, with;
  bool llama_cpp = true;  ///< where it has the architecture
};
constexpr Compared kCompared[] = {{"deepseek_v2", "transformers, mended"},
                                  {"kimi_k2", "transformers, as `deepseek_v3`"},
                                  {"minimax_m2", "transformers, mended"},
                                  {"mistral4", "transformers, mended", false},
                                  {"olmo3", "transformers, mended"}};

std::string compared(const model::Family& family) {
  const auto found = std::ranges::find(kCompared, family.model_type, &Compared::model_type);
  const std::string with(found == std::end(kCompared) ? "transformers" : found->with);
  const bool by_gguf = !family.gguf.architecture.empty() && (found == std::end(kCompared) || found->llama_cpp);
  return by_gguf ? with + "; llama.cpp" : with;
}

std::string table() {
  std::vector<const model::Family*> families(model::families().begin(), model::families().end());
  std::ranges::sort(families, {}, &model::Family::model_type);
  std::string text = "| `model_type` | GGUF | models | logits compared with |\n|---|---|---|---|\n";
  for (const model::Family* family : families) {
    const std::string gguf(family->gguf.architecture);
    text += "| `" + std::string(family->model_type) + "` | " + (gguf.empty() ? "none" : '`' + gguf + '`') + " | " +
            std::string(family->models) + " | " + compared(*family) + " |\n";
  }
  return text;
}

}  // namespace

TEST_CASE("README has the table of all families, to be replaced by this one where it is another") {
  std::ostringstream text;
  text << std::ifstream(test::test_data().parent_path().parent_path() / "README.md").rdbuf();
  const std::string readme = text.str();
  REQUIRE(readme.size() > 1000);
  const std::string expected = table();
  INFO(expected);
  CHECK(readme.find("\n\n" + expected + "\n") != std::string::npos);
  for (const model::Family* family : model::families()) CHECK_FALSE(family->models.empty());
}
