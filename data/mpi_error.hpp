// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace kurve::data {

/// For sources that call MPI; only in builds with it.
/// @param code  what the MPI function named `call` returned
/// @throws DeviceError with the function's name and MPI's own words where it is not MPI_SUCCESS
void check_mpi(int code, char const* call);

}  // namespace kurve::data
