"""Stage 7, statistics: intervals, tests, summaries."""
