#pragma once
// The log: one line per event on standard error. `info` is for people; results go to standard output.
#include <string>

namespace cambium::log {

enum class Level { debug, info, warn, error, off };

void set_level(Level level);
void debug(const std::string& text);
void info(const std::string& text);
void warn(const std::string& text);
void error(const std::string& text);

// Warns once per process for each distinct text.
void warn_once(const std::string& text);

}  // namespace cambium::log
