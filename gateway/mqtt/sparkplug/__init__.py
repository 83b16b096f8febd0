"""Sparkplug B 3.0: the gateway as an edge node, its meters as devices."""
