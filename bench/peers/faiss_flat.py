"""faiss-cpu's exact flat index. Peer of search_1m."""
import json
import os
import resource

import faiss
import numpy as np
from timing import best_of

faiss.omp_set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
generator = np.random.default_rng(1)
rows = generator.standard_normal((1_000_000, 512), dtype=np.float32)
index = faiss.IndexFlatIP(512)
index.add(rows)
queries = generator.standard_normal((100, 512), dtype=np.float32)
print(json.dumps({"name": "faiss-cpu", "version": faiss.__version__, "dtype": "f32", "seconds": best_of(3, lambda: index.search(queries, 10)),
                  "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
