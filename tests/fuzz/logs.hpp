// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sstream>
#include <vector>

#include "data/facts.hpp"
#include "data/per_rank.hpp"
#include "tests/fuzz/target.hpp"

namespace kurve::test {

/// One reader of logs on one input, without facts and with all that it might ask for. Whatever it reads is a Study
/// whose rows have times and ranks, and that survives being written and read again.
template <typename Reader>
int fuzz_reader(std::uint8_t const* bytes, std::size_t size, Reader read) {
  std::string const text = text_of(bytes, size);
  for (char const* assumed : {"", "ranks=4"}) {
    only_input_errors([&] {
      std::vector<data::Assumption> given;
      if (*assumed != '\0')
        for (char const* fact : {"ranks=4", "rank=0", "steps=2", "global_batch=64", "argument=K,local_batch",
                                 "parameter=p", "workers_per_node=2"})
          given.push_back(data::assumption_from_text(fact));
      std::istringstream in(text);
      data::Facts facts("input", given);
      auto study = read(in, "input", facts);
      facts.complete(study);
      if (study.samples.empty()) broken("a Study without a row");
      for (auto const& row : study.samples) {
        if (!(row.time_s > 0.0) || row.ranks < 1) broken("a row without time or ranks");
        if (row.op == data::Operation::allreduce && !row.bytes) broken("an all-reduce without bytes");
        if (row.compute_s && !(*row.compute_s > 0.0)) broken("compute without time");
        if (row.comm_s.value_or(0.0) < 0.0 || row.hidden_comm_s.value_or(0.0) < 0.0) broken("negative communication");
      }
      if (study.kind() == data::StudyKind::per_rank) {
        if (data::whole_steps(study).samples.empty()) broken("no whole step");
        only_input_errors([&] { static_cast<void>(data::components(study)); });
      }
      std::ostringstream out;
      data::write_study_csv(out, study);
      std::istringstream written(out.str());
      try {
        auto const again = data::read_study_csv(written, "written.csv");
        if (again.samples.size() != study.samples.size()) broken("rows are lost in writing");
        for (std::size_t i = 0; i < again.samples.size(); ++i)
          if (again.samples[i].ranks != study.samples[i].ranks || again.samples[i].time_s != study.samples[i].time_s)
            broken("row " + std::to_string(i) + " changes in writing");
      } catch (InputError const& e) {
        broken(std::string("what was written cannot be read: ") + e.what());
      }
    });
  }
  return 0;
}

}  // namespace kurve::test
