"""Redress on the bench case, measured as its peers are."""

import harness
import work
from bench_machine import BenchCase

bench = BenchCase(work.fresh_folder(harness.FOLDER, "redress"))

if __name__ == "__main__":
    harness.measure("Redress, bench case", bench.run, bench.refunds, "every state")
