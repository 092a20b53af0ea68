"""Documents from files: text, HTML, PDF, office formats."""
