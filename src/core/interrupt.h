#pragma once
// Ctrl-C and SIGTERM as a flag that long work polls: finish the step, save, leave. A second signal ends the process at
// once.

namespace cambium::interrupt {

// Installs the handlers (once, from main). Without it the signals keep their default effect.
void install();

// The signal that asked for a stop (SIGINT or SIGTERM), or 0.
int requested();

// Throws Interrupted if a stop was requested.
void check();

// Asks for a stop from inside the process, as a signal would (a peer rank's request, a test).
void request(int signal);
void clear();

}  // namespace cambium::interrupt
