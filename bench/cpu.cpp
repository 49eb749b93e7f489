#include "cpu.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

namespace punctual::bench {

namespace {

double seconds_of(double ticks) { return ticks / static_cast<double>(sysconf(_SC_CLK_TCK)); }

struct ProcessTimes {
  pid_t parent = -1;
  double own = 0;
  double ended_children = 0;
};

// /proc/PID/stat: the fields after the name, which is in brackets and may hold anything, begin with the state (proc(5)).
ProcessTimes times_of(const std::string& pid) {
  std::string text;
  std::getline(std::ifstream("/proc/" + pid + "/stat"), text);
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return {};
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  ProcessTimes out;
  fields >> skipped >> out.parent;
  for (int i = 0; i < 9; ++i) fields >> skipped;
  double user = 0;
  double system = 0;
  double children_user = 0;
  double children_system = 0;
  fields >> user >> system >> children_user >> children_system;
  out.own = seconds_of(user + system);
  out.ended_children = seconds_of(children_user + children_system);
  return out;
}

double seconds_of_process(pid_t pid) { return pid > 0 ? times_of(std::to_string(pid)).own : 0; }

double seconds_of_family(pid_t parent) {
  const ProcessTimes first = times_of(std::to_string(parent));
  double sum = first.own + first.ended_children;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const ProcessTimes times = times_of(name);
    if (times.parent == parent) sum += times.own;
  }
  return sum;
}

double seconds_of_machine() {
  std::ifstream file("/proc/stat");
  std::string name;
  std::array<double, 8> times{};  // user, nice, system, idle, iowait, irq, softirq, steal
  file >> name;
  for (double& time : times) file >> time;
  return seconds_of(times[0] + times[1] + times[2] + times[5] + times[6] + times[7]);
}

double seconds_of_ourselves() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

CpuSeconds CpuMeter::now() const {
  CpuSeconds out;
  out.wall = std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  out.server = seconds_of_process(processes_.server);
  out.target = seconds_of_process(processes_.target);
  if (processes_.postmaster) out.postgres = seconds_of_family(*processes_.postmaster);
  out.generator = seconds_of_ourselves();
  out.others = seconds_of_machine() - out.server - out.target - out.postgres - out.generator;
  return out;
}

CpuSeconds CpuMeter::used() const {
  const CpuSeconds end = now();
  // The kernel samples the machine's time by ticks and counts that of processes exactly: near 0 the difference may be less.
  return {end.wall - begin_.wall,     end.server - begin_.server,       end.postgres - begin_.postgres,
          end.target - begin_.target, end.generator - begin_.generator, std::max(0.0, end.others - begin_.others)};
}

std::string CpuSeconds::text() const {
  std::array<char, 200> out{};
  std::snprintf(out.data(), out.size(),
                "%.2f s on %u cores: server %.2f, postgres %.2f, target %.2f, generator %.2f, others %.2f", wall,
                std::thread::hardware_concurrency(), server, postgres, target, generator, others);
  return out.data();
}

}  // namespace punctual::bench
