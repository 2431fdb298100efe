// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "data/facts.hpp"
#include "data/study.hpp"

namespace kurve::data {

/// Reads measurements from files, each recognised by its content, plain or gzip: Study CSV or hand-made table, and the
/// logs of data/logs. `-` is standard input. What a file lacks and `assumptions` give is filled in, and the header
/// (`assumed`) says so; a log's format goes to the header as `imported_from`.
///
/// @param paths  at least one
/// @return       one Study a path, in their order
/// @throws InputError without a path, or for an assumption that no input used; DataError where a file cannot be read or
///         is none of these (a Model given by mistake is named)
[[nodiscard]] std::vector<Study> read_studies(std::vector<std::string> const& paths,
                                              std::vector<Assumption> const& assumptions = {});

/// Studies of one kind as one Study: the runs of each K are numbered on (ranks of one step stay together), header keys
/// that describe the job or the machine must agree, others are joined.
/// @param studies  at least one
/// @throws DataError where one does not fit those before it
[[nodiscard]] Study merged(std::vector<Study> studies);

/// Both.
[[nodiscard]] Study read_study(std::vector<std::string> const& paths, std::vector<Assumption> const& assumptions = {});

}  // namespace kurve::data
