"""Stage 8, report: findings in words, the page, and the table for the terminal."""

from __future__ import annotations

from earshift.stages.report.page import write_report
from earshift.stages.report.terminal import main_table

__all__ = ["main_table", "write_report"]
