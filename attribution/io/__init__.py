"""Files in and out: answers, schema, exports."""
