// SPDX-License-Identifier: Apache-2.0
#include "validate/holdout.hpp"

#include <nlohmann/json.hpp>
#include <sstream>

#include "model/error.hpp"
#include "tests/support/checks.hpp"
#include "tests/validate/study_text.hpp"
#include "validate/present_json.hpp"
#include "validate/present_text.hpp"

using namespace kurve;

namespace {

// T = 0.05 + 0.01 B/K, exactly
std::string const csv =
    "# kurve: study/1\n# workload: a job\n# regime: strong\nK,global_batch,run,step_time_s\n"
    "1,64,0,0.69\n1,64,1,0.69\n2,64,0,0.37\n4,64,0,0.21\n8,64,0,0.13\n16,64,0,0.09\n";

/// A Model of that law with 2 % between runs; it remembers which Study it was given.
struct RecordingFit {
  std::vector<data::Study>* seen;
  calibrate::FitResult operator()(data::Study const& study) const {
    seen->push_back(study);
    calibrate::FitResult result;
    result.model.parameters.serial_s = 0.05;
    result.model.parameters.compute_per_sample_s = 0.01;
    result.model.parameters.noise_run_cv = 0.02;
    result.model.knowledge["serial"] = {.source = model::Source::fitted, .sd = 0.0, .identified = false, .note = ""};
    result.messages.push_back("serial is not identified");
    return result;
  }
};

void check_width(std::string const& text) {
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) CHECK(validate::text_width(line) <= 80);
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("holdout: the fit sees the fitted rows and nothing of the others") {
    auto study = test::study_of(csv);
    study.notes.push_back("16 is slow");
    std::vector<data::Study> seen;
    static_cast<void>(validate::validate_study(study, validate::parse_split("K<=4"), RecordingFit{&seen}, {}));
    REQUIRE(seen.size() == 1);
    CHECK(seen[0].samples.size() == 4);
    for (auto const& sample : seen[0].samples) CHECK(sample.ranks <= 4);
    CHECK(seen[0].header == study.header);
    CHECK(seen[0].notes.empty());       // a reading note may tell of held-out rows
    CHECK(seen[0].path != study.path);  // nor can the file be opened again
  }

  TEST_CASE("holdout: a change of the held-out rows changes no prediction and no rival's fit") {
    auto const honest = test::study_of(csv);
    auto planted = honest;
    for (auto& sample : planted.samples)
      if (sample.ranks > 4) sample.time_s *= 3.0;
    // The mean of K T/B over all rows that the fit can reach.
    auto const fit = [](data::Study const& study) {
      calibrate::FitResult result;
      double sum = 0.0;
      for (auto const& s : study.samples) sum += s.time_s * s.ranks / *s.global_batch;
      result.model.parameters.compute_per_sample_s = sum / static_cast<double>(study.samples.size());
      return result;
    };
    auto const split = validate::parse_split("K<=4");
    auto const a = validate::validate_study(honest, split, fit, {});
    auto const b = validate::validate_study(planted, split, fit, {});
    for (std::size_t i = 0; i < a.points.size(); ++i) CHECK(a.points[i].predicted_s == b.points[i].predicted_s);
    for (std::size_t r = 0; r < a.rivals.size(); ++r)
      for (std::size_t i = 0; i < a.rivals[r].relative_errors.size(); ++i)
        CHECK_CLOSE(1.0 + a.rivals[r].relative_errors[i], 3.0 * (1.0 + b.rivals[r].relative_errors[i]), 1e-12);
    // The same check does see a fit that cheats.
    auto const leaky = [&](data::Study const& source) {
      return validate::validate_study(source, split, [&](data::Study const&) { return fit(source); }, {});
    };
    CHECK(leaky(honest).points[0].predicted_s != leaky(planted).points[0].predicted_s);
  }

  TEST_CASE("holdout: scores of a fit that is right") {
    std::vector<data::Study> seen;
    auto const card =
        validate::validate_study(test::study_of(csv), validate::parse_split("K<=4"), RecordingFit{&seen}, {});
    REQUIRE(card.points.size() == 5);
    CHECK(card.points[0].n == 2);
    CHECK(card.points[2].part == validate::Part::fitted);
    CHECK(card.points[3].part == validate::Part::held_out);
    CHECK(card.summary.errors.n == 2);
    CHECK(card.summary.errors.max <
          4.0 * 1.2533 * 0.02 / std::sqrt(2000.0));  // 4 SE of the median of 2000 draws of 2 %
    CHECK(card.summary.coverage.hits == 2);
    // E(8) = 0.69/(8 0.13) = 0.663 in both
    CHECK(card.measured_bend == 8.0);
    CHECK(card.predicted_bend == 8.0);
    CHECK_FALSE(card.identified.at("serial"));
    REQUIRE(card.rivals.size() == 8);
    CHECK(card.rivals[1].name == "amdahl");
    CHECK(card.rivals[1].errors.max < 1e-9);
    check_width(validate::to_text(card));
  }

  TEST_CASE("holdout: a given Model counts every point") {
    std::vector<data::Study> seen;
    auto const study = test::study_of(csv);
    auto const card = validate::validate_model(RecordingFit{&seen}(study).model, study, {});
    CHECK(card.summary.errors.n == 5);
    CHECK(card.rivals.empty());
    check_width(validate::to_text(card));
  }

  TEST_CASE("holdout: several studies are pooled and those that cannot be divided are listed") {
    std::vector<data::Study> seen;
    std::vector<data::Study> const studies{
        test::study_of(csv), test::study_of("# kurve: study/1\nK,step_time_s\n1,1.0\n"),
        test::study_of("# kurve: study/1\nK,step_time_s\n1,1.0\n4,0.3\n"), test::study_of(csv)};
    auto const set = validate::validate_studies(studies, validate::ratio_split(4), RecordingFit{&seen}, {});
    CHECK(set.studies.size() == 2);
    REQUIRE(set.left_out.size() == 2);
    CHECK(set.left_out[1].second == "1 K to fit on");
    CHECK(set.summary.errors.n == 4);
    CHECK(set.rivals[0].errors.n == 4);
    auto const json = nlohmann::json::parse(validate::to_json(set));
    CHECK(json["studies"].size() == 2);
    CHECK(json["summary"]["n"] == 4);
    check_width(validate::to_text(set));
  }

  TEST_CASE("holdout: JSON keys") {
    std::vector<data::Study> seen;
    auto const card =
        validate::validate_study(test::study_of(csv), validate::leave_largest_split(), RecordingFit{&seen}, {});
    auto const json = nlohmann::json::parse(validate::to_json(card));
    for (auto const* const key :
         {"K", "global_batch", "held_out", "measured_s", "predicted_s", "low_s", "high_s", "relative_error", "covered"})
      CHECK(json["points"][0].contains(key));
    for (auto const* const key : {"mape", "median_ape", "max_ape", "coverage", "confidence", "crps", "bend"})
      CHECK(json["summary"].contains(key));
    for (auto const* const key : {"predicted_K", "measured_K"}) CHECK(json["summary"]["bend"].contains(key));
    for (auto const* const rival :
         {"ideal", "amdahl", "amdahl_log", "last_efficiency", "power_law", "usl", "extrap", "true_formula"})
      for (auto const* const key : {"mape", "median_ape", "max_ape"}) CHECK(json["rivals"][rival].contains(key));
    CHECK(json["identified"]["serial"] == false);
  }

  TEST_CASE("holdout: options out of range") {
    std::vector<data::Study> seen;
    auto const study = test::study_of(csv);
    auto const complaint = [&](validate::HoldoutOptions const& options) {
      return test::message_of<InputError>([&] {
        return validate::validate_study(study, validate::leave_largest_split(), RecordingFit{&seen}, options);
      });
    };
    CHECK(complaint({.confidence = 90.0}) == "confidence=90 (must be between 0 and 1). 90 % is 0.9?");
    CHECK(complaint({.threshold = 0.0}) != "");
    CHECK(complaint({.draws = 1}) != "");
  }
}
