// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>
#include <sstream>

#include "calibrate/make_backend.hpp"
#include "cli/output.hpp"
#include "cli/verbs.hpp"
#include "data/json_text.hpp"
#include "validate/text_table.hpp"

namespace kurve::cli {

int devices(Arguments const& arguments) {
  CommandLine line("devices [options]", "What this build on this machine can measure, and why not the rest.",
                   "  kurve devices");
  if (!line.parse(arguments)) return ok;
  auto const list = calibrate::list_devices();
  std::ostringstream out;
  if (wants(line, ".json")) {
    nlohmann::ordered_json json{{"devices", nlohmann::ordered_json::array()}};
    for (auto const& device : list)
      json["devices"].push_back({{"name", device.name},
                                 {"available", device.available},
                                 {"reason", device.reason},
                                 {"detail", device.detail}});
    json["provenance"] = data::provenance_json(line.provenance({}));
    data::write_json(out, json);
  } else {
    for (auto const& device : list) {
      std::string const head = device.name + std::string(11 - std::min<std::size_t>(10, device.name.size()), ' ') +
                               (device.available ? "yes  " : "no   ");
      std::string const text =
          device.detail +
          (device.available || device.reason.empty() ? "" : (device.detail.empty() ? "" : "; ") + device.reason);
      out << validate::wrap(text, head);
    }
  }
  write_result(line, out.str());
  return ok;
}

}  // namespace kurve::cli
