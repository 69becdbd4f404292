"""Stage 8, report: findings in words, the page, and the table for the terminal."""
