// SPDX-License-Identifier: Apache-2.0
#include "data/mpi_error.hpp"

#include <mpi.h>

#include <string>

#include "model/error.hpp"

namespace kurve::data {

void check_mpi(int code, char const* call) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, text, &length);
  throw DeviceError(std::string(call) + ": " + std::string(text, static_cast<std::size_t>(length)));
}

}  // namespace kurve::data
