"""What `countersign doctor` looks at: documents by themselves, accounts by the API, and what is deployed."""
