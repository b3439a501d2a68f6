"""The fixture of whole runs."""

from whole_run import project  # noqa: F401  (pytest finds it by name)
