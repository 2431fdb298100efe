// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/model.hpp"

namespace kurve::data {

class Facts;

/// What a row times: a whole step, or one component of it.
enum class Operation { step, compute, serial, allreduce };

/// One measured row of a Study. Optional columns that the file lacks are empty.
struct Sample {
  Operation op = Operation::step;
  int ranks = 1;  ///< K: workers of the step, ranks of the all-reduce
  double time_s =
      0.0;  ///< positive; a whole step, a component, a run of a fixed job, or compute_s + comm_s of one rank
  std::optional<double> global_batch;  ///< samples per step
  std::optional<double> local_batch;   ///< samples on one worker (op = compute)
  std::optional<std::int64_t> bytes;   ///< message per rank (op = allreduce)
  std::optional<int> run, step, rank, stage, nodes;
  std::optional<double> compute_s, comm_s;
  std::optional<double> hidden_comm_s;     ///< communication that ran under compute (comm_s is what did not)
  std::vector<std::string> configuration;  ///< values of Study::configuration_columns, same order
  long line = 0;                           ///< in the file, 0 where it did not come from one
};

enum class StudyKind { steps, components, per_rank };

/// Whether warm-up or set-up is inside the samples.
enum class Inclusion { excluded, included, unknown };

/// Measured samples and their provenance (docs/formats.md).
struct Study {
  std::string path;                                         ///< as given; "" where it did not come from a file
  std::vector<std::pair<std::string, std::string>> header;  ///< key, value in file order, without "kurve"
  std::vector<std::string> configuration_columns;
  std::vector<Sample> samples;
  std::vector<std::string>
      notes;  ///< how the input was read, for people: "throughput read as samples/s", "3 warm-up steps left out"
  std::string time_column = "step_time_s";  ///< what the file called the time; decides how a report names it

  /// Value of a header key, or none.
  [[nodiscard]] std::optional<std::string> find(std::string const& key) const;
  /// Header value as a number. @throws DataError if present but not a positive number
  [[nodiscard]] std::optional<double> find_number(std::string const& key) const;
  void set(std::string const& key, std::string const& value);

  /// Rows that are all parts of single ranks, at one K, are per_rank; at several K they are steps too, each as long as
  /// its slowest rank.
  [[nodiscard]] StudyKind kind() const;
  [[nodiscard]] Inclusion warmup() const;
  [[nodiscard]] std::optional<model::Regime> declared_regime() const;
  /// From the global_batch column: constant is strong, proportional to K weak (but for rounding a batch to whole
  /// samples a worker or to a multiple of 8), else mixed; none without that column or with one K only.
  [[nodiscard]] std::optional<model::Regime> derived_regime() const;
  /// derived, else declared, else strong.
  [[nodiscard]] model::Regime regime() const;
  /// Samples of whole steps: op is step, and not the part of one rank (rank with compute_s) in a per-rank Study.
  [[nodiscard]] std::vector<Sample> steps() const;
};

/// All rows, but those of an all-reduce that has one for each rank as the one of its last rank, without a rank: the
/// collective lasts until then. They belong together where K, bytes, the column `algorithm`, run and step agree.
[[nodiscard]] std::vector<Sample> last_ranks(Study const& study);

/// Reads a Study CSV: `# key: value` header, then RFC 4180 rows with a header row. UTF-8; BOM and CRLF accepted.
/// Also reads the hand-made tables people have: first column gpus|nodes|ranks|workers|K, second
/// time|step_time|throughput with a unit where it can be read off the name; how it was read goes to Study::notes.
///
/// Reads as a stream in memory bounded by the rows kept; refuses binary garbage and lines over 1 MiB at once.
/// @throws DataError `path:line: ...` on an empty file, a missing, unknown or repeated column, a value that is not a
///         positive finite number (or whole number for K), a ragged row
[[nodiscard]] Study read_study_csv(std::istream& in, std::string const& path);
/// The same, where a table of nodes asks for the fact `workers_per_node`.
[[nodiscard]] Study read_study_csv(std::istream& in, std::string const& path, Facts& facts);

/// Writes the Study format; reading it back gives the same Study.
void write_study_csv(std::ostream& out, Study const& study);

}  // namespace kurve::data
