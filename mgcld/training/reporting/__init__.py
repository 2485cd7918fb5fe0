"""What training found out: left-out answers, recordings → a report → a terminal, a page, JSON."""
