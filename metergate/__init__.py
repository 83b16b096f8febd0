"""What users tests import."""
