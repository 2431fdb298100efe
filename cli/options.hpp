// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/program_options.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/facts.hpp"
#include "data/provenance.hpp"

namespace kurve::cli {

using Arguments = std::vector<std::string>;

/// One verb's command line: options, positional inputs, help with an example, `--config FILE` with the same options.
class CommandLine {
 public:
  /// @param usage    "analyze INPUT... [options]"
  /// @param summary  one sentence
  /// @param example  a command that runs in the source tree, and what it shows
  CommandLine(std::string usage, std::string summary, std::string example);

  /// Where the verb adds its own options.
  boost::program_options::options_description& options() { return visible_; }
  /// Unnamed arguments are inputs, at most `most` of them (-1: any number).
  void takes_inputs(int most);
  /// Adds --assume, for what Studies and logs lack.
  void takes_facts();
  /// Unnamed arguments are any number of Studies and logs, with --assume.
  void takes_studies() {
    takes_inputs(-1);
    takes_facts();
  }

  /// Parses; prints help and returns false if that was asked for.
  /// @throws boost::program_options::error, InputError (a --config file that cannot be read)
  [[nodiscard]] bool parse(Arguments const& arguments);

  [[nodiscard]] bool has(std::string const& name) const { return values_.count(name) > 0; }
  template <typename T>
  [[nodiscard]] T get(std::string const& name) const {
    return values_[name].as<T>();
  }
  template <typename T>
  [[nodiscard]] std::optional<T> find(std::string const& name) const {
    if (!has(name)) return std::nullopt;
    return values_[name].as<T>();
  }
  /// Values of a multi-token or positional option; empty if none was given.
  [[nodiscard]] Arguments all(std::string const& name) const { return find<Arguments>(name).value_or(Arguments{}); }

  /// The unnamed arguments. @throws InputError where there is none
  [[nodiscard]] Arguments inputs() const;

  /// What --assume gives. @throws InputError on another form than KEY=VALUE
  [[nodiscard]] std::vector<data::Assumption> assumptions() const;

  /// Provenance of this command on this machine: command line, seed where there is one, digests of the input files.
  [[nodiscard]] data::Provenance provenance(Arguments const& inputs) const;

  [[nodiscard]] bool json() const { return has("json"); }
  [[nodiscard]] bool quiet() const { return has("quiet"); }
  /// The option `draws`. @throws InputError outside its range, one for all verbs
  [[nodiscard]] int draws() const;
  [[nodiscard]] double threshold() const;   ///< @throws InputError outside (0, 1]
  [[nodiscard]] double confidence() const;  ///< @throws InputError outside (0, 1)

 private:
  void store(boost::program_options::basic_parsed_options<char> const& parsed);
  void require_apart() const;

  std::string usage_, summary_, example_;
  Arguments arguments_;
  boost::program_options::options_description visible_, common_, hidden_;
  boost::program_options::positional_options_description positions_;
  boost::program_options::variables_map values_;
};

/// Adds --threshold and --confidence, which several verbs share.
void add_judgement_options(CommandLine& line, double confidence);

}  // namespace kurve::cli
