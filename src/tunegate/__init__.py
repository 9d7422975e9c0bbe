"""TuneGate: the risk gate in front of LLM fine-tuning."""
