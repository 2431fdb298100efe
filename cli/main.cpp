// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstdlib>
#include <iomanip>
#include <iostream>
#include <new>
#include <optional>
#include <sstream>
#include <string_view>
#include <vector>

#include "cli/terminal.hpp"
#include "cli/verbs.hpp"
#include "data/printable.hpp"
#include "model/error.hpp"
#include "model/near_miss.hpp"

namespace {

using namespace kurve;
using namespace kurve::cli;

struct Verb {
  std::string_view name;
  int (*run)(Arguments const&);
  std::string_view summary;
};

constexpr std::array verbs{
    Verb{"devices", devices, "what this build and this machine can measure, and why not the rest"},
    Verb{"calibrate", calibrate, "measure serial work, compute, all-reduce here: Studies and a Model"},
    Verb{"fit", fit, "Study -> Model"},
    Verb{"simulate", simulate, "Model -> T(K), S(K), E(K) with intervals, the bend"},
    Verb{"validate", validate, "predict held-out points of a Study and score the prediction"},
    Verb{"plan", plan, "Model, prices, deadline -> time and cost by K, how many GPUs to buy"},
    Verb{"serve", serve, "Models -> a what-if page with sliders, by the same engine"},
    Verb{"report", report, "Studies and Models -> one self-contained HTML page"},
    Verb{"audit", audit, "Study -> findings against the reporting checklist of scaling claims"},
    Verb{"analyze", analyze, "Study or log -> scaling table, bend, cause, plot"},
};

std::string help_text() {
  std::ostringstream out;
  out << "kurve VERB INPUT... [options]: how a training job scales, measured and predicted\n\n";
  for (auto const& verb : verbs) out << "  " << std::left << std::setw(11) << verb.name << verb.summary << "\n";
  out << "\n`kurve VERB --help`: options and an example. `kurve --version`: the version.\n";
  return out.str();
}

bool ends_by_itself(Verb const& verb) { return verb.run != serve; }

/// Asked not to speak, or one of several ranks of which the first speaks (the launchers' variables, docs of Open MPI
/// and MPICH).
bool is_quiet(Arguments const& arguments) {
  for (auto const* name : {"OMPI_COMM_WORLD_RANK", "PMI_RANK"})
    if (char const* const rank = std::getenv(name); rank != nullptr && std::string_view(rank) != "0") return true;
  return std::any_of(arguments.begin(), arguments.end(), [](auto const& a) { return a == "-q" || a == "--quiet"; });
}

int run(Arguments arguments) {
  if (arguments.empty() || arguments[0] == "--help" || arguments[0] == "-h" || arguments[0] == "help") {
    if (!arguments.empty()) {
      print(help_text());
      return ok;
    }
    std::cerr << help_text();
    return usage;
  }
  if (arguments[0] == "--version") {
    print("kurve " + data::this_machine().version + "\n");
    return ok;
  }
  for (auto const& verb : verbs)
    if (verb.name == arguments[0]) {
      std::optional<Heartbeat> heart;
      if (ends_by_itself(verb) && !is_quiet(arguments)) heart.emplace(arguments[0]);
      return verb.run({arguments.begin() + 1, arguments.end()});
    }
  std::string list;
  std::vector<std::string_view> names;
  for (auto const& verb : verbs) {
    list += " " + std::string(verb.name);
    names.push_back(verb.name);
  }
  throw InputError("unknown verb '" + arguments[0] + "' (the verbs are" + list + ")" +
                   did_you_mean(arguments[0], names));
}

}  // namespace

int main(int argc, char** argv) {
  auto fail = [](std::string_view message, int code) {
    std::cerr << "kurve: " << data::printable(message) << "\n";
    return code;
  };
  try {
    return run({argv + 1, argv + argc});
  } catch (boost::program_options::error const& e) {
    return fail(e.what(), usage);
  } catch (DataError const& e) {
    return fail(e.what(), bad_data);
  } catch (InputError const& e) {
    return fail(e.what(), usage);
  } catch (NotBuilt const& e) {
    return fail(e.what(), backend);
  } catch (DeviceError const& e) {
    return fail(e.what(), backend);
  } catch (std::bad_alloc const&) {
    return fail("not enough memory for what was asked. Ask for fewer or smaller: K, trials, draws, files.", backend);
  } catch (std::exception const& e) {
    return fail(std::string("internal error: ") + e.what() + " (a bug: report it with the command line)", internal);
  }
}
