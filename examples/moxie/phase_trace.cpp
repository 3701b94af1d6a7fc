// SPDX-License-Identifier: Apache-2.0
#include "phase_trace.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>
#include <string_view>

#include <moxie/core/text.hpp>

namespace moxie::program {

namespace {

using Micros = std::chrono::duration<double, std::micro>;

/// Complete events of one thread. Names are ours and need no escapes.
class Events {
 public:
  Events(std::FILE* file, PhaseSpan::Time zero) noexcept : file_(file), zero_(zero) {}

  void add(const std::string& name, PhaseSpan::Time begin, PhaseSpan::Time end, const std::string& arguments) {
    std::fprintf(file_, "%s\n{\"name\":\"%s\",\"ph\":\"X\",\"pid\":1,\"tid\":1,\"ts\":%.3f,\"dur\":%.3f,\"args\":{%s}}",
                 first_ ? "" : ",", name.c_str(), Micros(begin - zero_).count(), Micros(end - begin).count(),
                 arguments.c_str());
    first_ = false;
  }

 private:
  std::FILE* file_;
  PhaseSpan::Time zero_;
  bool first_ = true;
};

bool belongs_to_layer(Phase phase) noexcept { return phase >= Phase::kProjections && phase <= Phase::kResidual; }

std::string arguments_of(const PhaseSpan& span) {
  std::string text = "\"rows\":" + std::to_string(span.rows);
  const auto add = [&](const char* name, std::uint64_t value) {
    if (value != 0) text += std::string(",\"") + name + "\":" + std::to_string(value);
  };
  if (belongs_to_layer(span.phase)) text += ",\"layer\":" + std::to_string(span.layer);
  add("bytes", span.work.bytes);
  add("int8_operations", span.work.int8_operations);
  add("f32_operations", span.work.f32_operations);
  return text;
}

Status io_error(const std::string& path) {
  return Status(Code::kIo, "trace", Text("to write ", path), std::strerror(errno));
}

}  // namespace

void PhaseTrace::take(const PhaseSpan& span) noexcept {
  try {
    spans_.push_back(span);
  } catch (const std::bad_alloc&) {
    ++lost_;
  }
}

Result<std::shared_ptr<PhaseTrace>> PhaseTrace::create(const std::string& path) {
  auto trace = std::make_shared<PhaseTrace>();
  trace->path_ = path;
  trace->file_.reset(std::fopen(path.c_str(), "wb"));
  if (trace->file_ == nullptr) return io_error(path);
  return trace;
}

Status PhaseTrace::write() {
  std::FILE* const file = file_.get();
  std::fputs("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[", file);
  Events events(file, spans_.empty() ? PhaseSpan::Time() : spans_.front().begin);
  for (std::size_t first = 0, end = 0; first < spans_.size(); first = end) {
    const std::uint64_t step = spans_[first].step;
    while (end < spans_.size() && spans_[end].step == step) ++end;
    events.add("step " + std::to_string(step), spans_[first].begin, spans_[end - 1].end, "");
    for (std::size_t i = first; i < end; ++i) {
      events.add(std::string(name(spans_[i].phase)), spans_[i].begin, spans_[i].end, arguments_of(spans_[i]));
    }
  }
  std::fputs("\n]}\n", file);
  const bool failed = std::ferror(file) != 0;
  if (std::fclose(file_.release()) != 0 || failed) return io_error(path_);
  if (lost_ == 0) return {};
  return Status(Code::kNoMemory, "trace", Text("room for ", spans_.size() + lost_, " spans"), Text(spans_.size()));
}

}  // namespace moxie::program
