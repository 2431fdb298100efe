// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "data/study.hpp"

namespace kurve::data {

/// Reads measurements from files, each recognised by its content: Study CSV or hand-made table, MLPerf log, nccl-tests
/// log.
/// `-` is a CSV on standard input. Several files of one kind become one Study: the runs of each K are numbered on,
/// header keys that describe the job or the machine must agree, others are joined.
///
/// @param paths  at least one
/// @throws InputError without a path; DataError where a file cannot be read, is none of these (a Model given by mistake
/// is named), or
///         does not fit the others
[[nodiscard]] Study read_study(std::vector<std::string> const& paths);

}  // namespace kurve::data
