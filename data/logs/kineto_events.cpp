// SPDX-License-Identifier: Apache-2.0
#include "data/logs/kineto_events.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <nlohmann/json.hpp>

#include "data/json_text.hpp"
#include "data/quantity_text.hpp"
#include "model/error.hpp"

namespace kurve::data {
namespace {

using nlohmann::json;

// Nanoseconds of these, their sums and differences fit 64 bits: an epoch to the year 2096, a duration of 31 years.
constexpr double earliest_us = -1e12, latest_us = 4e15;
constexpr std::int64_t longest_ns = 1'000'000'000'000'000'000;
constexpr std::int64_t most_elements = std::int64_t{1} << 38;  // a terabyte: sums of any trace's sizes fit 64 bits

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

bool contains_any(std::string const& text, std::initializer_list<std::string_view> parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [&](std::string_view part) { return text.find(part) != std::string::npos; });
}

/// Microseconds as the trace writes them, `1740461679470813.125`, as nanoseconds; none beyond the range.
std::optional<std::int64_t> nanoseconds(std::string const& us) {
  auto const point = us.find('.');
  auto const value = number_from_text(us);
  if (!value || !(*value >= earliest_us && *value <= latest_us)) return std::nullopt;
  if (us.find_first_of("eE") != std::string::npos) return std::llround(*value * 1e3);
  auto const whole = number_from_text(us.substr(0, point));
  if (!whole) return std::nullopt;
  std::string fraction = point == std::string::npos ? "" : us.substr(point + 1, 3);
  fraction.resize(3, '0');
  auto const ns = number_from_text(fraction);
  if (!ns) return std::nullopt;
  bool const negative = us.starts_with('-');
  return static_cast<std::int64_t>(*whole) * 1000 + static_cast<std::int64_t>(negative ? -*ns : *ns);
}

/// Bytes of one element of PyTorch's type names.
std::optional<int> element_bytes(std::string const& dtype) {
  struct Type {
    std::string_view name;
    int bytes;
  };
  constexpr std::array<Type, 13> types{{{"float", 4},
                                        {"half", 2},
                                        {"bfloat16", 2},
                                        {"double", 8},
                                        {"int", 4},
                                        {"long", 8},
                                        {"short", 2},
                                        {"byte", 1},
                                        {"char", 1},
                                        {"bool", 1},
                                        {"float8_e4m3fn", 1},
                                        {"float8_e5m2", 1},
                                        {"complexfloat", 8}}};
  auto const found =
      std::find_if(types.begin(), types.end(), [name = lower(dtype)](auto const& t) { return t.name == name; });
  return found == types.end() ? std::nullopt : std::optional(found->bytes);
}

/// The fields of one event that are kept until it ends.
struct RawEvent {
  std::string phase, category, name, collective, dtype;
  std::optional<std::int64_t> start_ns, duration_ns;
  std::int64_t correlation = -1, elements = -1, group = 0;
};

/// Receives the parser's tokens; keeps where in the document it is, and nothing of the document.
class TraceParser : public json::json_sax_t {
 public:
  explicit TraceParser(std::string const& path) : path_(path) {}
  TraceEvents result;

  bool null() override { return value(); }
  bool boolean(bool) override { return value(); }
  bool number_integer(number_integer_t v) override { return number(std::to_string(v)); }
  bool number_unsigned(number_unsigned_t v) override { return number(std::to_string(v)); }
  bool number_float(number_float_t, string_t const& text) override { return number(text); }
  bool binary(binary_t&) override { return value(); }
  bool string(string_t& text) override;
  bool start_object(std::size_t) override;
  bool key(string_t& name) override;
  bool end_object() override;
  bool start_array(std::size_t) override {
    if (depth_ == 0) event_depth_ = 2, section_ = Section::events;
    ++depth_;
    return true;
  }
  bool end_array() override {
    --depth_;
    return value();
  }
  bool parse_error(std::size_t, std::string const&, nlohmann::detail::exception const& e) override {
    std::string const what = e.what();
    constexpr std::string_view before = "at line ";
    auto const at = what.find(before);
    long line = 0;
    if (at != std::string::npos) {
      auto const start = at + before.size();
      line = static_cast<long>(number_from_text(what.substr(start, what.find(',', start) - start)).value_or(0.0));
    }
    throw_bad_json(path_, line, what);
  }

 private:
  enum class Section { other, events, distributed, devices };
  enum class Field {
    none,
    phase,
    category,
    name,
    start,
    duration,
    arguments,
    correlation,
    collective,
    elements,
    group,
    dtype,
    rank,
    world_size
  };

  /// A value has ended; the next one in this object needs its own key.
  bool value() {
    field_ = Field::none;
    return true;
  }
  bool number(std::string const& text);
  void finish_event();

  std::string path_;
  Section section_ = Section::other;
  Field field_ = Field::none;
  RawEvent event_;
  int depth_ = 0, event_depth_ = 3;
  bool in_arguments_ = false;
};

bool TraceParser::start_object(std::size_t) {
  ++depth_;
  if (section_ == Section::events && depth_ == event_depth_) {
    event_ = {};
    ++result.events;
    in_arguments_ = false;
  } else if (depth_ == event_depth_ + 1) {
    in_arguments_ = field_ == Field::arguments;
  }
  return value();
}

bool TraceParser::end_object() {
  if (section_ == Section::events && depth_ == event_depth_) finish_event();
  if (depth_ == event_depth_ + 1) in_arguments_ = false;
  --depth_;
  return value();
}

bool TraceParser::key(string_t& name) {
  field_ = Field::none;
  if (depth_ == 1 && event_depth_ == 3) {
    section_ = name == "traceEvents"        ? Section::events
               : name == "distributedInfo"  ? Section::distributed
               : name == "deviceProperties" ? Section::devices
                                            : Section::other;
  } else if (section_ == Section::distributed && depth_ == 2) {
    field_ = name == "rank" ? Field::rank : name == "world_size" ? Field::world_size : Field::none;
  } else if (section_ == Section::devices && depth_ == 3) {
    field_ = name == "name" ? Field::name : Field::none;
  } else if (section_ == Section::events && depth_ == event_depth_) {
    field_ = name == "ph"     ? Field::phase
             : name == "cat"  ? Field::category
             : name == "name" ? Field::name
             : name == "ts"   ? Field::start
             : name == "dur"  ? Field::duration
             : name == "args" ? Field::arguments
                              : Field::none;
  } else if (section_ == Section::events && depth_ == event_depth_ + 1 && in_arguments_) {
    field_ = name == "correlation"       ? Field::correlation
             : name == "Collective name" ? Field::collective
             : name == "In msg nelems"   ? Field::elements
             : name == "Group size"      ? Field::group
             : name == "dtype"           ? Field::dtype
                                         : Field::none;
  }
  return true;
}

bool TraceParser::string(string_t& text) {
  switch (field_) {
    case Field::phase:
      event_.phase = std::move(text);
      break;
    case Field::category:
      event_.category = lower(std::move(text));
      break;
    case Field::name:
      if (section_ == Section::events)
        event_.name = std::move(text);
      else if (result.accelerator.empty())
        result.accelerator = text.substr(0, 200);
      break;
    case Field::collective:
      event_.collective = lower(std::move(text));
      break;
    case Field::dtype:
      event_.dtype = std::move(text);
      break;
    default:
      return field_ == Field::none ? true : number(text);  // some writers quote numbers
  }
  return value();
}

bool TraceParser::number(std::string const& text) {
  auto const whole = [&](std::int64_t least, std::int64_t most) -> std::optional<std::int64_t> {
    auto const v = number_from_text(text);
    if (!v || !(*v >= static_cast<double>(least) && *v <= static_cast<double>(most))) return std::nullopt;
    return static_cast<std::int64_t>(*v);
  };
  switch (field_) {
    case Field::start:
      event_.start_ns = nanoseconds(text);
      break;
    case Field::duration:
      event_.duration_ns = nanoseconds(text);
      break;
    case Field::correlation:
      event_.correlation = whole(0, std::int64_t{1} << 52).value_or(-1);
      break;
    case Field::elements:
      event_.elements = whole(0, most_elements).value_or(-1);
      break;
    case Field::group:
      event_.group = whole(1, 1'000'000).value_or(0);
      break;
    case Field::rank:
      if (auto const rank = whole(0, 1'000'000)) result.rank = static_cast<int>(*rank);
      break;
    case Field::world_size:
      if (auto const size = whole(1, 1'000'000)) result.world_size = static_cast<int>(*size);
      break;
    default:
      break;
  }
  return value();
}

void TraceParser::finish_event() {
  auto const& e = event_;
  if (e.phase != "X" || !e.start_ns || !e.duration_ns || *e.duration_ns < 0 || *e.duration_ns > longest_ns) return;
  std::int64_t const end_ns = *e.start_ns + *e.duration_ns;
  bool const kernel = e.category == "kernel";
  bool const peer_copy = e.category == "gpu_memcpy" && contains_any(e.name, {"PtoP"});
  if (kernel || peer_copy) {
    bool const communication = peer_copy || !e.collective.empty() ||
                               contains_any(lower(e.name), {"nccl", "rccl", "oneccl", "nvshmem", "mscclpp", "hccl"});
    GpuEvent work{.start_ns = *e.start_ns,
                  .end_ns = end_ns,
                  .correlation = e.correlation,
                  .work = communication ? GpuWork::communication : GpuWork::compute};
    if (communication) {
      result.largest_group = std::max(result.largest_group, static_cast<int>(e.group));
      if (auto const size = element_bytes(e.dtype);
          size && e.elements >= 0 && contains_any(e.collective, {"allreduce"}))
        work.allreduce_bytes = e.elements * *size;
    }
    result.gpu.push_back(work);
  } else if (e.name.starts_with("ProfilerStep#") && e.category != "gpu_user_annotation") {
    auto const number = number_from_text(std::string_view(e.name).substr(13));
    if (number && *number >= 0.0 && *number <= 1e9 && *number == std::floor(*number))
      result.steps.push_back({static_cast<int>(*number), *e.start_ns, end_ns});
  } else if (e.correlation >= 0 && contains_any(e.category, {"runtime", "driver"})) {
    result.launches.push_back({e.correlation, *e.start_ns});
  }
}

}  // namespace

TraceEvents read_trace_events(std::istream& in, std::string const& path) {
  TraceParser parser(path);
  json::sax_parse(in, &parser);
  return std::move(parser.result);
}

}  // namespace kurve::data
