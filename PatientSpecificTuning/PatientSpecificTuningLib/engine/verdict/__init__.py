"""Whether the tuned CNN is better than the base CNN, judged on corrected slices that its tuning did not see."""
