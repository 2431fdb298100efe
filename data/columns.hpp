// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kurve::data {

/// What a column of a table of measurements holds.
enum class Role {
  ranks,
  nodes,
  global_batch,
  local_batch,
  run,
  step,
  rank,
  stage,
  bytes,
  op,
  step_time,
  run_time,
  throughput,
  step_rate,
  compute,
  comm,
  hidden_comm,
  configuration
};

/// One column of a table, and how it was recognised.
struct Column {
  Role role = Role::configuration;
  std::string name{};       ///< as in the file
  double to_si = 1.0;       ///< factor from its unit to seconds
  bool per_worker = false;  ///< a throughput of one worker, or a batch of one worker
  std::string note{};       ///< how it was read; "" for the Study's own names
};

/// Whether a file declares itself a Study, and must use its names, or is a table someone made by hand.
enum class Dialect { study, hand_made };

/// The Study's own column names, in the order they are written.
[[nodiscard]] std::span<std::string_view const> study_column_names();

/// Role of a column by its name: the Study's own names in both dialects; in hand-made tables also what people write,
/// such as `gpus`, `step time (ms)`, `images/sec`. A time without a unit is seconds, and noted.
/// @param  configuration  names that the header declares as configuration columns
/// @return none for an unknown name
/// @throws InputError for a name that has a meaning but leaves it open, such as `time` in a Study or `batch`
[[nodiscard]] std::optional<Column> recognise_column(std::string const& name, Dialect dialect,
                                                     std::vector<std::string> const& configuration);

}  // namespace kurve::data
