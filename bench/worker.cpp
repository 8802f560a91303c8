#include "worker.h"

#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <iostream>
#include <sstream>

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

std::unique_ptr<Task> prepared(const std::vector<Entry>& entries, std::istream& words) {
  std::string job, candidate;
  words >> job >> candidate;
  for (const Entry& entry : entries) {
    if (entry.job == job && entry.candidate == candidate) return entry.make();
  }
  throw std::runtime_error("no " + job + " " + candidate);
}

// The answer to a line.
std::string answer(const std::string& line, const std::string& about, const std::vector<Entry>& entries,
                   std::unique_ptr<Task>& task) {
  std::istringstream words(line);
  std::ostringstream text;
  std::string command;
  words >> command;
  if (command == "about") return about;
  if (command == "list") {
    text << entries.size();
    for (const Entry& entry : entries) text << "\n" << entry.job << " " << entry.candidate;
    return text.str();
  }
  if (command == "threads") return std::to_string(thread_count());
  if (command == "prepare") {
    task.reset();
    task = prepared(entries, words);
    return "ok";
  }
  if (!task) throw std::runtime_error("nothing is prepared");
  if (command == "check") {
    text.precision(9);
    for (const double number : task->check()) text << number << " ";
    return text.str();
  }
  if (command != "run") throw std::runtime_error("no command " + command);
  std::int64_t steps = 0;
  words >> steps;
  return std::to_string(nanoseconds_of(*task, steps));
}

}  // namespace

int serve(const std::string& about, const std::vector<Entry>& entries) {
  std::unique_ptr<Task> task;
  std::string line;
  while (std::getline(std::cin, line)) {
    std::string reply;
    try {
      reply = answer(line, about, entries, task);
    } catch (const std::exception& error) {
      reply = error.what();
      reply = "error " + reply.substr(0, reply.find('\n'));
    }
    std::cout << reply << std::endl;
  }
  return 0;
}

}  // namespace bench
