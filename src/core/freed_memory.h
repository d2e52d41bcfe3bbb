#pragma once

namespace cambium {

// Gives back what the C library keeps of freed memory (keep_freed_memory in core/device.h): between stages of work that
// need memory of other sizes, under a bound.
void give_back_freed_memory();

}  // namespace cambium
