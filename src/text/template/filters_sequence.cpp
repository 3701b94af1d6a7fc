// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "text/template/filters.hpp"
#include "text/template/methods.hpp"
#include "text/template/strings.hpp"

namespace moxie::inline abi1::text {

namespace {

Value folded(Engine& engine, const Value& value, bool case_sensitive) {
  return case_sensitive || !value.is(Kind::kString) ? value : lower_text(engine.meter(), value);
}

bool is_given(const Value* argument) noexcept { return argument != nullptr && !argument->is(Kind::kNull); }

Value generator(Engine& engine, MeteredVector<Value>&& items) {
  return make_sequence(engine.meter(), Shape::kGenerator, std::move(items));
}

Value length(Engine& /*engine*/, const Value& input, const Arguments& arguments) {
  arguments.bind_none("length");
  return Value(static_cast<std::int64_t>(length_of(input)), Origin::kTemplate);
}

Value fallback(Engine& engine, const Value& input, const Arguments& arguments) {
  const auto [otherwise, falsy] = arguments.bind("default", {"default_value", "boolean"});
  const bool use = input.is(Kind::kUndefined) || (truth_argument(falsy, false) && !truthy(input));
  if (!use) return input;
  return otherwise == nullptr ? make_text(engine.meter(), {}, Origin::kTemplate) : *otherwise;
}

Value first(Engine& engine, const Value& input, const Arguments& arguments) {
  arguments.bind_none("first");
  Iteration items(engine.meter(), input);
  Value item;
  return items.next(item) ? item : Value();
}

Value last(Engine& engine, const Value& input, const Arguments& arguments) {
  arguments.bind_none("last");
  if (input.is(Kind::kSequence) && sequence_of(input).shape == Shape::kGenerator)
    refuse("something to turn around", input);
  if (input.is(Kind::kString)) return item_of(engine.meter(), input, Value(-1));
  Iteration items(engine.meter(), input);
  Value item;
  while (items.next(item)) {
  }
  return item;
}

Value to_list(Engine& engine, const Value& input, const Arguments& arguments) {
  arguments.bind_none("list");
  MeteredVector<Value> out = new_items(engine.meter());
  Iteration items(engine.meter(), input);
  for (Value item; items.next(item);) out.push_back(item);
  return make_sequence(engine.meter(), Shape::kList, std::move(out));
}

Value reverse(Engine& engine, const Value& input, const Arguments& arguments) {
  arguments.bind_none("reverse");
  const Value back(-1);
  if (input.is(Kind::kString)) return slice_of(engine.meter(), input, nullptr, nullptr, &back);
  MeteredVector<Value> out = new_items(engine.meter());
  Iteration items(engine.meter(), input);
  for (Value item; items.next(item);) out.push_back(item);
  std::reverse(out.begin(), out.end());
  const bool was_generator = input.is(Kind::kSequence) && sequence_of(input).shape == Shape::kGenerator;
  return make_sequence(engine.meter(), was_generator ? Shape::kList : Shape::kGenerator, std::move(out));
}

Value items(Engine& engine, const Value& input, const Arguments& arguments) {
  arguments.bind_none("items");
  MeteredVector<Value> out = new_items(engine.meter());
  if (!input.is(Kind::kUndefined)) {
    if (!input.is(Kind::kMap)) refuse("a mapping", input);
    const Value pairs = call_method(engine, input, find_method(input, "items"), arguments);
    out.assign(sequence_of(pairs).items.begin(), sequence_of(pairs).items.end());
  }
  return generator(engine, std::move(out));
}

struct Keyed {
  Value key;
  Value item;
};

// `as_lists`: keys are compared as lists of them would be, where equal ones need no order (undefined has none).
void sort_keyed(Engine& engine, MeteredVector<Keyed>& keyed, bool descending, bool as_lists) {
  std::stable_sort(keyed.begin(), keyed.end(), [&](const Keyed& a, const Keyed& b) {
    if (as_lists && equal(engine.meter(), a.key, b.key)) return false;
    return descending ? less(engine.meter(), b.key, a.key) : less(engine.meter(), a.key, b.key);
  });
}

MeteredVector<Value> without_keys(Engine& engine, const MeteredVector<Keyed>& keyed) {
  MeteredVector<Value> out = new_items(engine.meter());
  out.reserve(keyed.size());
  for (const Keyed& each : keyed) out.push_back(each.item);
  return out;
}

MeteredVector<Keyed> new_keyed(Engine& engine) { return MeteredVector<Keyed>(MeterAllocator<Keyed>(&engine.meter())); }

Value sort(Engine& engine, const Value& input, const Arguments& arguments) {
  const auto [descending, case_sensitive, attribute] =
      arguments.bind("sort", {"reverse", "case_sensitive", "attribute"});
  const bool exact = truth_argument(case_sensitive, false);
  Meter& meter = engine.meter();
  // Several attributes are compared one after the other.
  Value paths;
  if (is_given(attribute) && attribute->is(Kind::kString)) {
    const Value comma = make_text(meter, ",", Origin::kTemplate);
    paths = split_text(meter, *attribute, &comma, -1, Side::kLeft);
  }
  MeteredVector<Keyed> keyed = new_keyed(engine);
  Iteration over(meter, input);
  for (Value item; over.next(item);) {
    Value key;
    if (paths.is(Kind::kSequence) && sequence_of(paths).items.size() > 1) {
      MeteredVector<Value> parts = new_items(meter);
      for (const Value& path : sequence_of(paths).items) {
        parts.push_back(folded(engine, attribute_path(engine, item, path), exact));
      }
      key = make_sequence(meter, Shape::kList, std::move(parts));
    } else {
      key = folded(engine, is_given(attribute) ? attribute_path(engine, item, *attribute) : item, exact);
    }
    keyed.push_back({std::move(key), item});
  }
  sort_keyed(engine, keyed, truth_argument(descending, false), true);
  return make_sequence(meter, Shape::kList, without_keys(engine, keyed));
}

Value dictsort(Engine& engine, const Value& input, const Arguments& arguments) {
  const auto [case_sensitive, by, descending] = arguments.bind("dictsort", {"case_sensitive", "by", "reverse"});
  const std::string_view what = by == nullptr ? "key" : string_argument(by, "'by'").as_string();
  if (what != "key" && what != "value") fail(Code::kFormat, "'key' or 'value' to sort by", what);
  if (!input.is(Kind::kMap)) refuse("a mapping", input);
  const Value pairs = call_method(engine, input, find_method(input, "items"), Arguments(engine.meter()));
  MeteredVector<Keyed> keyed = new_keyed(engine);
  for (const Value& pair : sequence_of(pairs).items) {
    const Value& key = sequence_of(pair).items[what == "key" ? 0 : 1];
    keyed.push_back({folded(engine, key, truth_argument(case_sensitive, false)), pair});
  }
  sort_keyed(engine, keyed, truth_argument(descending, false), false);
  return make_sequence(engine.meter(), Shape::kList, without_keys(engine, keyed));
}

Value unique(Engine& engine, const Value& input, const Arguments& arguments) {
  const auto [case_sensitive, attribute] = arguments.bind("unique", {"case_sensitive", "attribute"});
  MapMaker seen(engine.meter());
  MeteredVector<Value> out = new_items(engine.meter());
  Iteration over(engine.meter(), input);
  for (Value item; over.next(item);) {
    const Value key = folded(engine, is_given(attribute) ? attribute_path(engine, item, *attribute) : item,
                             truth_argument(case_sensitive, false));
    if (seen.insert(key)) out.push_back(item);
  }
  return generator(engine, std::move(out));
}

template <bool greatest>
Value extreme(Engine& engine, const Value& input, const Arguments& arguments) {
  const auto [case_sensitive, attribute] = arguments.bind(greatest ? "max" : "min", {"case_sensitive", "attribute"});
  Value best;
  Value best_key;
  bool any = false;
  Iteration over(engine.meter(), input);
  for (Value item; over.next(item);) {
    Value key = folded(engine, is_given(attribute) ? attribute_path(engine, item, *attribute) : item,
                       truth_argument(case_sensitive, false));
    const bool better = !any || (greatest ? less(engine.meter(), best_key, key) : less(engine.meter(), key, best_key));
    if (better) best = item, best_key = std::move(key);
    any = true;
  }
  return best;
}

Value sum(Engine& engine, const Value& input, const Arguments& arguments) {
  const auto [attribute, start] = arguments.bind("sum", {"attribute", "start"});
  Value total = start == nullptr ? Value(0, Origin::kTemplate) : *start;
  if (total.is(Kind::kString)) refuse("numbers or lists to sum", total);
  Iteration over(engine.meter(), input);
  for (Value item; over.next(item);) {
    total = arithmetic(engine.meter(), Operator::kAdd, total,
                       is_given(attribute) ? attribute_path(engine, item, *attribute) : item);
  }
  return total;
}

Value map(Engine& engine, const Value& input, const Arguments& arguments) {
  MeteredVector<Value> out = new_items(engine.meter());
  if (!truthy(input)) return generator(engine, std::move(out));
  Iteration over(engine.meter(), input);
  if (arguments.positional.empty()) {
    const auto [attribute, otherwise] = arguments.bind("map", {"attribute", "default"}, 1);
    for (Value item; over.next(item);) {
      out.push_back(attribute_path(engine, item, *attribute, is_given(otherwise) ? otherwise : nullptr));
    }
    return generator(engine, std::move(out));
  }
  const std::string_view name = string_argument(&arguments.positional[0], "the name of a filter").as_string();
  Arguments rest = arguments;
  rest.positional.erase(rest.positional.begin());
  for (Value item; over.next(item);) out.push_back(engine.filter(name, item, rest));
  return generator(engine, std::move(out));
}

template <bool keep, bool by_attribute>
Value select(Engine& engine, const Value& input, const Arguments& arguments) {
  MeteredVector<Value> out = new_items(engine.meter());
  if (!truthy(input)) return generator(engine, std::move(out));
  constexpr std::size_t kTest = by_attribute ? 1 : 0;
  const auto& given = arguments.positional;
  if (by_attribute && given.empty()) fail(Code::kFormat, "an attribute to look at", "nothing");
  std::string_view name;
  Arguments rest = arguments;
  if (given.size() > kTest) {
    name = string_argument(&given[kTest], "the name of a test").as_string();
    rest.positional.erase(rest.positional.begin(), rest.positional.begin() + kTest + 1);
  }
  Iteration over(engine.meter(), input);
  for (Value item; over.next(item);) {
    const Value looked_at = by_attribute ? attribute_path(engine, item, given[0]) : item;
    const bool passes = name.empty() ? truthy(looked_at) : engine.test(name, looked_at, rest);
    if (passes == keep) out.push_back(item);
  }
  return generator(engine, std::move(out));
}

Value batch(Engine& engine, const Value& input, const Arguments& arguments) {
  const auto [count, fill] = arguments.bind("batch", {"linecount", "fill_with"}, 1);
  const std::int64_t size = whole_argument(count, 1, "linecount");
  MeteredVector<Value> out = new_items(engine.meter());
  MeteredVector<Value> row = new_items(engine.meter());
  Iteration over(engine.meter(), input);
  for (Value item; over.next(item);) {
    if (static_cast<std::int64_t>(row.size()) == size) {
      out.push_back(make_sequence(engine.meter(), Shape::kList, std::move(row)));
      row = new_items(engine.meter());
    }
    row.push_back(item);
  }
  if (!row.empty()) {
    while (is_given(fill) && static_cast<std::int64_t>(row.size()) < size) {
      engine.meter().step();
      row.push_back(*fill);
    }
    out.push_back(make_sequence(engine.meter(), Shape::kList, std::move(row)));
  }
  return generator(engine, std::move(out));
}

Value slices(Engine& engine, const Value& input, const Arguments& arguments) {
  const auto [count_given, fill] = arguments.bind("slice", {"slices", "fill_with"}, 1);
  const std::int64_t count = whole_argument(count_given, 1, "slices");
  if (count == 0) fail(Code::kFormat, "one slice or more", "0");
  const Value all = to_list(engine, input, Arguments(engine.meter()));
  const auto& from = sequence_of(all).items;
  MeteredVector<Value> out = new_items(engine.meter());
  const auto total = static_cast<std::int64_t>(from.size());
  std::size_t at = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    engine.meter().step();
    const bool extra = i < total % count;
    MeteredVector<Value> part = new_items(engine.meter());
    for (std::int64_t k = 0; k < total / count + (extra ? 1 : 0); ++k) part.push_back(from[at++]);
    if (is_given(fill) && !extra) part.push_back(*fill);
    out.push_back(make_sequence(engine.meter(), Shape::kList, std::move(part)));
  }
  return generator(engine, std::move(out));
}

Value groupby(Engine& engine, const Value& input, const Arguments& arguments) {
  const auto [attribute, otherwise, case_sensitive] =
      arguments.bind("groupby", {"attribute", "default", "case_sensitive"}, 1);
  const bool exact = truth_argument(case_sensitive, false);
  const Value* missing = is_given(otherwise) ? otherwise : nullptr;
  Meter& meter = engine.meter();
  MeteredVector<Keyed> keyed = new_keyed(engine);
  Iteration over(meter, input);
  for (Value item; over.next(item);) {
    keyed.push_back({folded(engine, attribute_path(engine, item, *attribute, missing), exact), item});
  }
  sort_keyed(engine, keyed, false, false);
  MeteredVector<Value> groups = new_items(meter);
  for (std::size_t begin = 0; begin < keyed.size();) {
    std::size_t end = begin;
    MeteredVector<Value> members = new_items(meter);
    while (end < keyed.size() && equal(meter, keyed[end].key, keyed[begin].key)) members.push_back(keyed[end++].item);
    MeteredVector<Value> group = new_items(meter);
    group.push_back(exact ? keyed[begin].key : attribute_path(engine, keyed[begin].item, *attribute, missing));
    group.push_back(make_sequence(meter, Shape::kList, std::move(members)));
    groups.push_back(make_sequence(meter, Shape::kGroup, std::move(group)));
    begin = end == begin ? end + 1 : end;  // NaN equals nothing
  }
  return make_sequence(meter, Shape::kList, std::move(groups));
}

Value attr(Engine& engine, const Value& input, const Arguments& arguments) {
  const auto [name] = arguments.bind("attr", {"name"}, 1);
  // Attributes alone, not members: only what is no data has any.
  if (input.is(Kind::kMap)) {
    const std::uint16_t method = find_method(input, string_argument(name, "a name").as_string());
    if (method == kNoMethod) return {};
  }
  return engine.attribute(input, string_argument(name, "a name").as_string());
}

constexpr FilterEntry kFilters[] = {
    {"attr", attr},
    {"batch", batch},
    {"count", length},
    {"d", fallback},
    {"default", fallback},
    {"dictsort", dictsort},
    {"first", first},
    {"groupby", groupby},
    {"items", items},
    {"last", last},
    {"length", length},
    {"list", to_list},
    {"map", map},
    {"max", extreme<true>},
    {"min", extreme<false>},
    {"reject", select<false, false>},
    {"rejectattr", select<false, true>},
    {"reverse", reverse},
    {"select", select<true, false>},
    {"selectattr", select<true, true>},
    {"slice", slices},
    {"sort", sort},
    {"sum", sum},
    {"unique", unique},
};

}  // namespace

std::span<const FilterEntry> sequence_filters() noexcept { return kFilters; }

Value attribute_path(Engine& engine, Value item, const Value& path, const Value* otherwise) {
  const auto down = [&](const Value& part) {
    item = engine.item(item, part);
    if (otherwise != nullptr && item.is(Kind::kUndefined)) item = *otherwise;
  };
  if (!path.is(Kind::kString)) {
    if (!path.is(Kind::kNull)) down(path);
    return item;
  }
  const Value point = make_text(engine.meter(), ".", Origin::kTemplate);
  const Value parts = split_text(engine.meter(), path, &point, -1, Side::kLeft);
  for (const Value& part : sequence_of(parts).items) {
    const std::string_view text = part.as_string();
    const bool digits =
        !text.empty() && text.size() < 18 && text.find_first_not_of("0123456789") == std::string_view::npos;
    if (!digits) {
      down(part);
      continue;
    }
    std::int64_t index = 0;
    for (const char c : text) index = index * 10 + (c - '0');
    down(Value(index));
  }
  return item;
}

const FilterEntry* find_filter(std::string_view name) noexcept {
  for (const auto table : {text_filters(), sequence_filters()}) {
    for (const FilterEntry& entry : table) {
      if (entry.name == name) return &entry;
    }
  }
  return nullptr;
}

Value Engine::filter(std::string_view name, const Value& input, Arguments& arguments) {
  const Depth depth(*this);
  meter_.step();
  const FilterEntry* entry = find_filter(name);
  if (entry == nullptr) fail(Code::kFormat, "a filter of Jinja", Text("'", name, "'"));
  if (entry->run == nullptr) fail(Code::kUnsupported, "filters of chat templates", Text("'", name, "'"));
  if (input.is(Kind::kString) && string_of(input).markup) {
    constexpr std::string_view kFine[] = {"safe",    "string", "tojson", "length", "count",
                                          "default", "d",      "e",      "escape", "list"};
    if (std::find(std::begin(kFine), std::end(kFine), name) == std::end(kFine)) refuse_markup(input);
  }
  return entry->run(*this, input, arguments);
}

}  // namespace moxie::text
