"""Studies on public recordings; each prints a table with chance, control and split."""
