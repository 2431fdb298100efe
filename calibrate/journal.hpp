// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "calibrate/record.hpp"
#include "data/append_file.hpp"

namespace kurve::calibrate {

/// What a journal's records belong to (machine, workload, points, rules, seed): name and value. Another identity is
/// another calibration.
using JournalIdentity = std::vector<std::pair<std::string, std::string>>;

/// What to do with a journal that is already there.
enum class JournalMode {
  begin,    ///< refuse one that did not finish; replace one that did
  resume,   ///< go on from it; begin where there is none
  restart,  ///< replace it
};

/// All that a calibration measured, on the disk as soon as it was measured: one line of JSON a record after a line of
/// identity. Measuring goes in a fixed order, so a process that goes on from an earlier one asks for each record before
/// it measures it, and gets those that are there.
class Journal {
 public:
  Journal() = default;  ///< keeps nothing
  /// @param path  made if absent; the folder must be there
  /// @throws InputError (begin: an unfinished journal; resume: another identity, with what differs; a file that cannot
  ///         be written), DataError `path:line:` (resume: a damaged record before the last; the last may be torn, and
  ///         is dropped)
  Journal(std::string const& path, JournalIdentity const& identity, JournalMode mode);

  /// The next record of an earlier process, none once all are taken.
  /// @throws DataError where it is of another point or round than the one in hand
  [[nodiscard]] std::optional<BlockRecord> next_block(Point const& point, int round);
  [[nodiscard]] std::optional<RunRecord> next_run(Point const& point, int run);
  [[nodiscard]] bool replaying() const {
    return !earlier_.empty();
  }                                                               ///< whether records of an earlier process are left
  [[nodiscard]] std::size_t resumed() const { return resumed_; }  ///< records found of an earlier process

  /// Keeps a record; it is on the disk when this returns.
  /// @throws InputError where the disk takes no more; what was kept before stays
  void add(BlockRecord const& record);
  void add(RunRecord const& record);
  /// Notes that results were written: a later calibration may take the folder.
  void finish();

 private:
  using Record = std::variant<BlockRecord, RunRecord>;
  void begin(JournalIdentity const& identity);
  void append(std::string const& record);

  std::optional<data::AppendFile> file_;
  std::deque<Record> earlier_;
  std::size_t resumed_ = 0;
};

/// Runs of whole steps that a journal has.
struct JournalRuns {
  std::vector<RunRecord> runs{};
  bool finished = false;  ///< results were written: another calibration would measure all of it again
};
/// None where there is no journal, or one of another identity. Only reads.
/// @throws DataError as Journal
[[nodiscard]] JournalRuns runs_in_journal(std::string const& path, JournalIdentity const& identity);

}  // namespace kurve::calibrate
