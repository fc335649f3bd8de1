"""One run or stack: spec, components, plan, driver, checkpoint, outcome."""
