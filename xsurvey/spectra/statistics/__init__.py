"""Statistics of counts under a model, bin by bin."""
