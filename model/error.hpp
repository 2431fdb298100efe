// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>

namespace kurve {

/// Something the user gave is wrong: an option, a unit, a value. Exit code 2 when it came from the command line.
///
/// Message: `<problem, with the value> (<constraint or reason>). <what to try>?`, lower case, values quoted.
class InputError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A file or its contents are wrong; the message begins `path:line:` (or `path:` where no line applies). Exit code 3.
class DataError : public InputError {
 public:
  using InputError::InputError;
  /// @param line  1-based; 0 when the error concerns the whole file
  DataError(std::string const& path, long line, std::string const& what)
      : InputError(path + (line > 0 ? ":" + std::to_string(line) : std::string{}) + ": " + what) {}
};

/// The backend is not part of this build. Exit code 4.
class NotBuilt : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A device or a communication library failed: call text, error name, device index. Exit code 4.
class DeviceError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The caller broke a documented precondition: a bug, not an input. Exit code 1.
class ContractViolation : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

}  // namespace kurve
