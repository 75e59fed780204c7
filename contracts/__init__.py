"""The contracts with other programs: JSON Schemas of all records, and an AsyncAPI document."""
