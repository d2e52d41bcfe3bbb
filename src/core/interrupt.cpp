#include "core/interrupt.h"

#include <csignal>
#include <atomic>

#include <unistd.h>

#include "core/error.h"

namespace cambium::interrupt {
namespace {

std::atomic<int> flag{0};
static_assert(std::atomic<int>::is_always_lock_free);

void handle(int signal) {
  if (flag.exchange(signal) != 0) _exit(128 + signal);
}

}  // namespace

void install() {
  struct sigaction action{};
  action.sa_handler = handle;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

int requested() { return flag.load(); }

void check() {
  if (const int signal = requested(); signal != 0) throw Interrupted(signal);
}

void request(int signal) { flag.store(signal); }
void clear() { flag.store(0); }

}  // namespace cambium::interrupt
