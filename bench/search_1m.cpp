// Exact search: the 10 nearest of 1,000,000 x 512 for 100 queries. usage: bench_search_1m
#include <ATen/ops/randn.h>

#include "core/random.h"
#include "index/search.h"
#include "measure.h"

int main() {
  using namespace cambium;
  at::Generator generator = make_generator(1);
  const at::Tensor rows = at::randn({1000000, 512}, generator), queries = at::randn({100, 512}, generator);
  const double seconds = bench::best_of(3, [&] { index::search_rows(rows, queries, index::Space::dot(), {.k = 10}); });
  bench::print("f32", seconds, 2.0 * 1e6 * 512 * 100);
}
