// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/options.hpp"

namespace kurve::cli {

/// Exit codes of every verb.
enum ExitCode { ok = 0, internal = 1, usage = 2, bad_data = 3, backend = 4, verdict_failed = 5 };

// One verb each: parse, one library call, write. Returns an ExitCode; errors are thrown.
int analyze(Arguments const& arguments);
int audit(Arguments const& arguments);
int calibrate(Arguments const& arguments);
int devices(Arguments const& arguments);
int fit(Arguments const& arguments);
int plan(Arguments const& arguments);
int report(Arguments const& arguments);
int serve(Arguments const& arguments);
int simulate(Arguments const& arguments);
int validate(Arguments const& arguments);

/// calibrate --from and --publish: the Model from what others measured instead of from this machine, into --into.
int calibrate_from(CommandLine const& line, Arguments const& files, Arguments const& published);
/// calibrate --publish list
int list_published(CommandLine const& line);

}  // namespace kurve::cli
