"""What comes before and after the stages: settings, forecasts, how far a run is."""
