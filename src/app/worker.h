// Worker: runs tasks that read the past (queries, big answers) off the core thread.
#pragma once

#include <functional>
#include <string>
#include <thread>
#include <utility>

#include "base/bounded_queue.h"
#include "base/this_thread.h"

namespace quell {

class Worker {
 public:
  using Task = std::move_only_function<void()>;

  Worker(std::string name, std::size_t tasks_max)
      : tasks_(tasks_max), thread_([this, name = std::move(name)] {
          name_this_thread(name);
          for (auto batch = tasks_.pop_all(); !batch.empty(); batch = tasks_.pop_all()) {
            for (Task& task : batch) std::exchange(task, {})();  // And what it holds is given back.
          }
        }) {}
  ~Worker() { stop(); }

  // Returns false when too much is waiting. Thread: any.
  bool run(Task task) { return tasks_.try_push(std::move(task)); }

  // Works off what is queued and ends.
  void stop() {
    tasks_.close();
    if (thread_.joinable()) thread_.join();
  }

 private:
  BoundedQueue<Task> tasks_;
  std::thread thread_;  // Last: it uses the queue.
};

}  // namespace quell
