#include "usage.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "failure.hpp"

namespace load {
namespace {

std::string directory_of(std::uint64_t pid) { return "/proc/" + std::to_string(pid); }

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  if (!file || text.str().empty()) fail("cannot read " + path);
  return text.str();
}

}  // namespace

CpuTime CpuTime::of(std::uint64_t pid) {
  CpuTime time;
  if (pid == 0) return time;
  for (const auto& thread : std::filesystem::directory_iterator(directory_of(pid) + "/task"))
    time.total += std::stod(read_file(thread.path().string() + "/schedstat"));
  // The second field is the program's name in brackets, which may hold anything; the 14th and 15th
  // are the times.
  const std::string stat = read_file(directory_of(pid) + "/stat");
  std::istringstream fields(stat.substr(stat.rfind(')') + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  fields >> time.user >> time.system;
  return time;
}

CpuSpent::CpuSpent(const CpuTime& before, const CpuTime& after)
    : total(after.total - before.total) {
  const double ticks = after.user - before.user + after.system - before.system;
  if (ticks > 0) user = total * (after.user - before.user) / ticks;
  system = total - user;
}

Memory Memory::of(std::uint64_t pid) {
  if (pid == 0) fail("the server's memory cannot be read without its --pid");
  std::istringstream lines(read_file(directory_of(pid) + "/smaps_rollup"));
  Memory memory;
  for (std::string line; std::getline(lines, line);) {
    const auto value = [&] { return std::stod(line.substr(line.find(':') + 1)) * 1024; };
    if (line.starts_with("Rss:")) memory.resident = value();
    if (line.starts_with("Pss:")) memory.proportional = value();
  }
  return memory;
}

}  // namespace load
