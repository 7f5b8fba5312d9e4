"""What a training run tells while it goes: metrics, trackers, progress, the learning curve."""
