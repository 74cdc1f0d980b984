"""What `drop` and the upload page share: planning, uploading, and tracking photos."""
