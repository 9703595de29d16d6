"""Light curves: their files, rates, rebinning and tests of variability."""
