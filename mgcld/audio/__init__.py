"""From a source's blocks to windows: resample, cut, wait."""
