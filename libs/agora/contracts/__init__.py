"""Contracts of events: what every version promises and accepts, frozen in files, compared in both directions."""
