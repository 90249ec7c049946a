"""Figures, tables and pages: turn the records of a study into a report."""
