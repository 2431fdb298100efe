// SPDX-License-Identifier: Apache-2.0
#include "validate/felt.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <sstream>

#include "data/curve_file.hpp"
#include "data/quantity_text.hpp"
#include "model/error.hpp"
#include "model/ring_jitter.hpp"
#include "sim/slowest.hpp"
#include "validate/present_plan.hpp"

namespace kurve::validate {
namespace {

using model::Model;
using model::ParameterInfo;

constexpr std::size_t few = 8;  ///< draws: whether a number moves shows on one, but for a draw where a term is 0

Model with_few_draws(Model model) {
  if (model.draws.size() > few) model.draws.resize(few);
  return model;
}

/// Sets a scalar everywhere, known for sure.
void set_scalar(Model& model, ParameterInfo const& info, double value) {
  model.parameters.*(info.member) = value;
  for (auto& draw : model.draws) draw.*(info.member) = value;
  model.knowledge[std::string(info.name)].sd = 0.0;
}

void set_choice(Model& model, model::ChoiceInfo const& info, std::string_view value) {
  info.set(model.parameters, value);
  for (auto& draw : model.draws) info.set(draw, value);
}

model::ChoiceInfo const* find_choice(std::string_view name) {
  auto const table = model::choice_table();
  auto const found = std::find_if(table.begin(), table.end(), [&](auto const& info) { return info.name == name; });
  return found == table.end() ? nullptr : &*found;
}

/// The Model without one of its settings.
Model restored(Model with, Model const& before, std::string const& name) {
  if (name == "global_batch") with.global_batch = before.global_batch;
  if (name == "regime") with.regime = before.regime;
  if (auto const* info = model::find_parameter(name)) {
    with.parameters.*(info->member) = before.parameters.*(info->member);
    for (std::size_t d = 0; d < with.draws.size(); ++d) with.draws[d].*(info->member) = before.draws[d].*(info->member);
  } else if (auto const* choice = find_choice(name)) {
    set_choice(with, *choice, choice->get(before.parameters));
  }
  auto const known = before.knowledge.find(name);
  if (known == before.knowledge.end())
    with.knowledge.erase(name);
  else
    with.knowledge[name] = known->second;
  return with;
}

/// A step of a parameter that would be felt in any job where it is felt at all: ours, of no consequence beyond that.
double step_of(ParameterInfo const& info) {
  if (info.unit == "s") return 1e-3;
  if (info.unit == "B") return 1e8;
  if (info.unit == "B/s") return 1e10;
  if (info.unit == "s/B") return 1e-10;
  return info.max <= 1.0 ? 0.5 : 1.0;
}

/// The Model with other values of a parameter, choice or frame in place of its own.
std::vector<Model> moved(Model const& model, std::string const& name) {
  std::vector<Model> others;
  auto const add = [&](auto&& change) {
    Model other = model;
    try {
      change(other);
      model::check(other.parameters);
      others.push_back(std::move(other));
    } catch (InputError const&) {  // not a value of this Model: such as noise measured, where none was
    }
  };
  if (name == "global_batch") add([](Model& m) { m.global_batch *= 2.0; });
  if (name == "regime")
    add([](Model& m) { m.regime = m.regime == model::Regime::weak ? model::Regime::strong : model::Regime::weak; });
  if (auto const* info = model::find_parameter(name)) {
    double const value = model.parameters.*(info->member);
    for (double const other : {value + step_of(*info), 2.0 * value, 0.5 * value, value - step_of(*info)})
      if (other >= info->min && other <= info->max && other != value)
        add([&](Model& m) { set_scalar(m, *info, other); });
  } else if (auto const* choice = find_choice(name)) {
    for (auto const value : choice->values)
      if (value != choice->get(model.parameters)) add([&](Model& m) { set_choice(m, *choice, value); });
  }
  return others;
}

/// What is shown of one Model, asked for once and only as far as it is needed.
class Answers {
 public:
  Answers(Model const& model, Shown const& shown) : model_(model), shown_(shown), texts_(shown.size()) {}

  [[nodiscard]] bool differ_from(Model const& other) {
    for (std::size_t i = 0; i < shown_.size(); ++i) {
      if (!texts_[i]) texts_[i] = text_of(shown_[i], model_);
      if (*texts_[i] != text_of(shown_[i], other)) return true;
    }
    return false;
  }

 private:
  static std::string text_of(Shown::value_type const& show, Model const& model) {
    try {
      return show(model);
    } catch (InputError const& e) {  // a value that cannot be asked for differs from one that can
      return e.what();
    }
  }

  Model const& model_;
  Shown const& shown_;
  std::vector<std::optional<std::string>> texts_;
};

bool is_felt(Answers& answers, Model const& model, std::string const& name) {
  auto const others = moved(model, name);
  return std::any_of(others.begin(), others.end(), [&](Model const& other) { return answers.differ_from(other); });
}
bool is_felt(Model const& model, std::string const& name, Shown const& shown) {
  Answers answers(model, shown);
  return is_felt(answers, model, name);
}

/// Every name that a what-if may have, those of the same kind as `name` first: the longer their common beginning.
std::vector<std::string> names_near(std::string const& name) {
  std::vector<std::string> names;
  for (auto const& info : model::parameter_table()) names.emplace_back(info.name);
  for (auto const& info : model::choice_table()) names.emplace_back(info.name);
  std::erase(names, name);
  auto const common = [&](std::string const& other) {
    return std::mismatch(name.begin(), name.end(), other.begin(), other.end()).first - name.begin();
  };
  std::stable_sort(names.begin(), names.end(),
                   [&](std::string const& a, std::string const& b) { return common(a) > common(b); });
  return names;
}

std::string value_text(Model const& model, std::string const& name) {
  if (auto const* info = model::find_parameter(name)) return data::number_text(model.parameters.*(info->member));
  return std::string(find_choice(name)->get(model.parameters));
}

/// Another parameter that, moved too, makes this one felt.
struct Gate {
  std::string name, here, there;  ///< its value in the Model, and with which it would do
};
std::optional<Gate> gate_of(Model const& model, std::string const& name, Shown const& shown) {
  for (auto const& other : names_near(name))
    for (auto const& changed : moved(model, other))
      if (is_felt(changed, name, shown)) return Gate{other, value_text(model, other), value_text(changed, other)};
  return std::nullopt;
}

/// Exposed terms that a fit to steps found, whatever caused them: communication is in them.
std::vector<std::string> exposed_terms(Model const& model) {
  std::vector<std::string> names;
  for (auto const& info : model::parameter_table()) {
    if (!info.name.starts_with("extra.") && !info.name.starts_with("skew.")) continue;
    auto const is_there = [&](model::StepParameters const& p) { return p.*(info.member) != 0.0; };
    if (is_there(model.parameters) || std::any_of(model.draws.begin(), model.draws.end(), is_there))
      names.emplace_back(info.name);
  }
  return names;
}

std::string listed(std::vector<std::string> const& words) {
  std::string text;
  for (auto const& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string ranks_text(std::vector<double> const& ranks) {
  std::vector<std::string> words;
  for (double const k : ranks) words.push_back(data::number_text(k));
  if (words.size() > 4) words = {words.front(), words[1], "...", words.back()};
  return "K = " + listed(words);
}

constexpr char const* fit_with_network = "`kurve fit STEPS NETWORK` fits them with a network's own times beside them";

/// The Model with a gradient, and bandwidths where it has none.
Model with_network(Model model) {
  set_scalar(model, *model::find_parameter("gradient_bytes"), 1e9);
  for (auto const* name : {"network.intra.bandwidth_Bps", "network.inter.bandwidth_Bps"})
    if (auto const* info = model::find_parameter(name); model.parameters.*(info->member) == 0.0)
      set_scalar(model, *info, 1e10);
  return model;
}

/// The first few of them.
std::string some_of(std::vector<std::string> words) {
  constexpr std::size_t shown = 3;
  if (words.size() <= shown + 1) return listed(words);
  std::string const rest = " and " + std::to_string(words.size() - shown) + " others";
  words.resize(shown);
  return listed(words) + rest;
}

/// Why nothing moves and what would, by trying: a larger K, then another parameter, then one beside a network.
std::string reason(Model const& model, std::string const& name, Asked const& asked) {
  auto const shown = asked.at(asked.ranks);
  for (double k = 2.0; k <= 65536.0; k *= 2.0)
    if (is_felt(model, name, asked.at({k})))
      return "changes nothing at " + ranks_text(asked.ranks) + "). Ask for other K, such as " + data::number_text(k) +
             ".";
  double const last = *std::max_element(asked.ranks.begin(), asked.ranks.end());
  auto const at_last = asked.at({std::max(last, 2.0 * model.parameters.workers_per_node)});
  auto gate = gate_of(model, name, at_last);
  if (!gate && model.parameters.gradient_bytes == 0.0) {  // a part of a network that has no cost yet
    auto const network = with_network(model);
    if (is_felt(network, name, at_last) || gate_of(network, name, at_last)) gate = Gate{"gradient_bytes", "0", "1e9"};
  }
  if (!gate) return "changes nothing at " + ranks_text(asked.ranks) + ", whatever its value).";
  auto const terms = exposed_terms(model);
  if (gate->name == "gradient_bytes" && model.parameters.gradient_bytes == 0.0 && !terms.empty())
    return "changes nothing: this Model's communication is in terms fitted to its steps, " + some_of(terms) +
           ", not in bytes over a network). " + fit_with_network + ".";
  return "changes nothing: " + gate->name + " is " + gate->here + "). Set it too, such as " + gate->name + "=" +
         gate->there + ".";
}

void check_counted_once(Model const& before, Model const& with, Setting const& gradient) {
  if (before.parameters.gradient_bytes != 0.0 || with.parameters.gradient_bytes == 0.0) return;
  auto const terms = exposed_terms(with);
  if (terms.empty()) return;
  throw InputError(gradient.name + "=" + gradient.value +
                   " (would count communication twice: it is in terms fitted to the steps already, " + listed(terms) +
                   "). " + fit_with_network + "; or set these terms to 0 to go by the network alone.");
}

}  // namespace

namespace {

/// The same question at other K.
template <typename Options>
Options at_ranks(Options o, std::vector<double> const& ranks) {
  if (ranks == o.ranks) return o;
  if (!o.global_batches.empty()) o.global_batches.assign(ranks.size(), o.global_batches.back());
  o.ranks = ranks;
  return o;
}

double batch_of(Model const& m, sim::SimulateOptions const& o, std::size_t i) {
  return o.global_batches.empty() ? m.batch_at(o.ranks[i]) : o.global_batches[i];
}

std::string steps_without_noise(Model const& m, sim::SimulateOptions const& o) {
  std::string text;
  for (std::size_t i = 0; i < o.ranks.size(); ++i)
    text += data::number_text(model::jittered_step_time(m.parameters, o.ranks[i], batch_of(m, o, i)).total_s()) + ' ';
  return text;
}

/// The mean with all that the slowest worker adds, on a coarse lattice.
std::string mean_at_last(Model const& m, sim::SimulateOptions const& o) {
  constexpr int coarse = 256;
  double const k = o.ranks.back();
  sim::SlowestWorker const slowest(m.parameters, k, sim::SlowestWorker::Include::imbalance, coarse);
  return data::number_text(
      mean_step_s(model::jittered_step_time(m.parameters, k, batch_of(m, o, o.ranks.size() - 1)), slowest.values(k)));
}

std::string curve_text(Model const& m, sim::SimulateOptions const& o) {
  auto curve = sim::simulate(m, o);
  curve.method_reason.clear();  // words, no numbers
  curve.not_measured.clear();
  std::ostringstream text;
  data::write_curve(text, curve, {});
  return text.str();
}

}  // namespace

Asked asked_curve(sim::SimulateOptions options) {
  options.method = sim::Method::automatic;
  options.draws = static_cast<int>(few);
  options.threads = 1;
  options.trial_ranks = nullptr;
  options.device = nullptr;
  options.progress = {};
  return {.ranks = options.ranks, .at = [options](std::vector<double> const& ranks) -> Shown {
            auto const o = at_ranks(options, ranks);
            return {[o](Model const& m) { return steps_without_noise(m, o); },
                    [o](Model const& m) { return mean_at_last(m, o); },
                    [o](Model const& m) { return curve_text(m, o); }};
          }};
}

Asked asked_plan(Offer offer, PlanOptions options) {
  options.draws = static_cast<int>(few);
  options.runs = 1;
  options.seek_help = false;
  return {.ranks = options.ranks, .at = [offer, options](std::vector<double> const& ranks) -> Shown {
            auto const o = at_ranks(options, ranks);
            return {[o, offer](Model const& m) {
              auto changed = offer;
              changed.model = m;
              return to_json(make_plan({changed}, o));
            }};
          }};
}

Asked asked_allreduce(sim::AllreduceOptions options) {
  options.draws = static_cast<int>(few);
  return {.ranks = options.ranks, .at = [options](std::vector<double> const& ranks) -> Shown {
            auto o = options;
            o.ranks = ranks;
            return {[o](Model const& m) {
              std::ostringstream text;
              text.precision(17);
              for (auto const& p : sim::simulate_allreduce(m, o))
                text << p.time_s << ' ' << p.low_s << ' ' << p.high_s << ' ';
              return text.str();
            }};
          }};
}

void check_felt(Model const& before, Model const& with, std::vector<Setting> const& settings, Asked const& asked) {
  if (settings.empty()) return;
  auto const old = with_few_draws(before), changed = with_few_draws(with);
  for (auto const& setting : settings)
    if (setting.name == "gradient_bytes") check_counted_once(old, changed, setting);
  auto const shown = asked.at(asked.ranks);
  Answers answers(changed, shown);
  for (auto const& setting : settings) {
    if (answers.differ_from(restored(changed, old, setting.name)) || is_felt(answers, changed, setting.name)) continue;
    throw InputError(setting.name + "=" + setting.value + " (" + reason(changed, setting.name, asked));
  }
}

}  // namespace kurve::validate
