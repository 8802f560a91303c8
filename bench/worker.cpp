#include "worker.h"

#include <chrono>
#include <exception>
#include <filesystem>
#include <iostream>
#include <map>
#include <sstream>
#include <stdexcept>

namespace bench {

namespace {

std::int64_t nanoseconds_of(Task& task, std::int64_t steps) {
  task.reset();
  const auto start = std::chrono::steady_clock::now();
  task.run(steps);
  const auto end = std::chrono::steady_clock::now();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(end - start).count();
}

long thread_count() {
  long count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) ++count;
  return count;
}

// Those that are prepared, by their candidates.
using Tasks = std::map<std::string, std::unique_ptr<Task>>;

std::unique_ptr<Task> make(const std::vector<Entry>& entries, const std::string& job, const std::string& candidate) {
  for (const Entry& entry : entries) {
    if (entry.job == job && entry.candidate == candidate) return entry.make();
  }
  throw std::runtime_error("no " + job + " " + candidate);
}

// The answer to a line.
std::string answer(const std::string& line, const std::string& about, const std::vector<Entry>& entries, Tasks& tasks) {
  std::istringstream words(line);
  std::ostringstream text;
  std::string command, name;
  words >> command >> name;
  if (command == "about") return about;
  if (command == "threads") return std::to_string(thread_count());
  if (command == "forget") {
    tasks.clear();
    return "ok";
  }
  if (command == "list") {
    text << entries.size();
    for (const Entry& entry : entries) text << "\n" << entry.job << " " << entry.candidate;
    return text.str();
  }
  if (command == "prepare") {
    std::string candidate;
    words >> candidate;
    tasks[candidate] = make(entries, name, candidate);
    return "ok";
  }
  Task& task = *tasks.at(name);
  if (command == "check") {
    text.precision(9);
    for (const double number : task.check()) text << number << " ";
    return text.str();
  }
  if (command != "run") throw std::runtime_error("no command " + command);
  std::int64_t steps = 0;
  words >> steps;
  return std::to_string(nanoseconds_of(task, steps));
}

}  // namespace

int serve(const std::string& about, const std::vector<Entry>& entries) {
  Tasks tasks;
  std::string line;
  while (std::getline(std::cin, line)) {
    std::string reply;
    try {
      reply = answer(line, about, entries, tasks);
    } catch (const std::exception& error) {
      reply = error.what();
      reply = "error " + reply.substr(0, reply.find('\n'));
    }
    std::cout << reply << std::endl;
  }
  return 0;
}

}  // namespace bench
