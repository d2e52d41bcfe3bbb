#include "core/freed_memory.h"

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace cambium {

void give_back_freed_memory() {
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
}

}  // namespace cambium
