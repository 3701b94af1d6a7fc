// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/core/result.hpp>

#include "format/json_events.hpp"
#include "text/tokenizer/merge_table.hpp"
#include "text/tokenizer/vocabulary.hpp"

namespace moxie::inline abi1::text {

/// What tokenizer.json holds: the two large parts read straight into tables, the rest as a small JSON text.
struct SplitJson {
  explicit SplitJson(std::string_view where) noexcept : vocabulary(where) {}

  Vocabulary vocabulary;
  std::vector<double> scores;  ///< of Unigram: one for each id
  MergeTable merges;
  std::size_t n_merges = 0;
  bool scored = false;  ///< the vocabulary is a list of texts with scores
  std::string rest;     ///< everything but model.vocab and model.merges
};

/// Reads the vocabulary and the merges event by event, for they make up a file of 10 to 30 MB; a tree of them would
/// take many times that. In the rare file that has its merges before its vocabulary, the text is read twice.
///
/// Errors   kFormat: not JSON, beyond the limits, merges that name tokens which are not there, ids twice.
///          Lets std::bad_alloc through.
Status split_json(std::string_view json, std::string_view where, std::uint64_t seed, SplitJson& out);

}  // namespace moxie::text
