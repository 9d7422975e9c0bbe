"""TuneGate inside other programs: trainers that call it, or are called through it."""
