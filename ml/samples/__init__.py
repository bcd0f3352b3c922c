"""Made-up data with the statistics of the real file, for where that is not at hand."""
