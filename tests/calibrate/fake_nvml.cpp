// SPDX-License-Identifier: Apache-2.0
// A management library that knows one device and says the same of it each time; an old one, with the older name for the
// clock's reasons.
namespace {
int device = 0, started = 0;
constexpr int invalid_argument = 2, not_found = 6;
}  // namespace

extern "C" {
int nvmlInit_v2() { return ++started > 0 ? 0 : 1; }
int nvmlShutdown() { return --started >= 0 ? 0 : 1; }
int nvmlDeviceGetHandleByPciBusId_v2(char const* id, void** handle) {
  *handle = &device;
  return id[0] == '0' ? 0 : not_found;
}
int nvmlDeviceGetClockInfo(void* handle, int type, unsigned* megahertz) {
  *megahertz = 1755;
  return handle == &device && type == 1 ? 0 : invalid_argument;
}
int nvmlDeviceGetPowerUsage(void* handle, unsigned* milliwatts) {
  *milliwatts = 612345;
  return handle == &device ? 0 : invalid_argument;
}
int nvmlDeviceGetCurrentClocksThrottleReasons(void* handle, unsigned long long* reasons) {
  *reasons = 0x44;
  return handle == &device ? 0 : invalid_argument;
}
}
