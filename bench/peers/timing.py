import time


def best_of(runs, work):
    """Seconds of the fastest of several runs, after one to warm up."""
    work()
    best = float("inf")
    for _ in range(runs):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return best
